// The player: draws one frame of a track at a time into Plotly's figures; `player.py` beside this file writes its data.
(() => {
  "use strict";
  const player = document.getElementById("player");
  const data = JSON.parse(document.getElementById("player-data").textContent);
  const [picture, scene, curve] = ["picture", "scene", "curve"].map((name) => document.getElementById(name));
  const [choice, speed, overlay, coloured, play, slider, readout] = [
    "choice", "speed", "overlay", "coloured", "play", "slider", "readout",
  ].map((name) => document.getElementById(name)); // overlay and coloured exist only with ground truth, picture only with keypoints
  const cursor = document.getElementById("cursor");
  const TRUTH = 1; // the second trace of the scene

  // A packed array (frames, points, axes) as a function of its indices.
  const unpack = ({ shape: [, points, axes], scale, base64 }) => {
    const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
    const values = new Int16Array(bytes.buffer);
    return (frame, point, axis) => {
      const value = values[(frame * points + point) * axes + axis];
      return value === data.missing ? NaN : value * scale;
    };
  };
  const distance = (a, b, frame, joint) => Math.hypot(...[0, 1, 2].map((x) => a(frame, joint, x) - b(frame, joint, x)));
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  // A value for every point of a line, which is a list of joints; -1 lifts the pen.
  const along = (line, value) => line.map((joint) => (joint < 0 ? null : value(joint)));

  let track, errors, frame, playing = false, position = 0, before = null;

  function open(index) {
    const { keypoints, prediction, truth, ...facts } = data.tracks[index];
    const [seen, actual] = [keypoints, truth].map((packed) => packed && unpack(packed));
    track = { ...facts, keypoints: seen, prediction: unpack(prediction), truth: actual };
    errors = (at) => data.joints.map((joint) => 1000 * distance(track.prediction, track.truth, at, joint));
    slider.max = track.frames - 1;
    if (picture) Plotly.relayout(picture, { "xaxis.range": track.across, "yaxis.range": track.down });
    if (track.truth) {
      const frames = Array.from({ length: track.frames }, (_, at) => at);
      const course = frames.map((at) => mean(errors(at)));
      Plotly.update(
        curve,
        { x: [frames.map((at) => track.first + at)], y: [course] },
        { "xaxis.range": [track.first, track.first + track.frames - 1], "yaxis.range": [0, 1.1 * Math.max(...course)] },
        [0],
      );
    }
    arrange();
    go(0);
  }

  // Distance in metres of the ground truth to the right of the prediction.
  const aside = () => (overlay && !overlay.checked ? 2 * track.reach : 0);

  // Ranges of the axes that hold the poses, in proportion.
  function arrange() {
    const { reach, top } = track;
    const ranges = { x: [-reach, reach + aside()], y: [-reach, reach], z: [0, top] };
    const changes = { "scene.annotations": aside() ? data.names.map((text, i) => ({
      text, x: i * aside(), y: 0, z: top, showarrow: false, yshift: 14 })) : [] };
    for (const [axis, [low, high]] of Object.entries(ranges)) {
      changes[`scene.${axis}axis.range`] = [low, high];
      changes[`scene.aspectratio.${axis}`] = (high - low) / Math.max(top, 2 * reach + aside());
    }
    Plotly.relayout(scene, changes);
  }

  function draw() {
    if (picture) {
      const seen = (axis) => data.picture.map((line) => along(line, (point) => track.keypoints(frame, point, axis)));
      Plotly.restyle(picture, { x: seen(0), y: seen(1) });
    }

    const poses = track.truth ? [track.prediction, track.truth] : [track.prediction];
    const [x, y, z] = [0, 1, 2].map((axis) => poses.map((pose, i) =>
      along(data.scene, (joint) => pose(frame, joint, axis) + (axis === 0 && i === TRUTH ? aside() : 0))));
    const joints = track.truth ? errors(frame) : [];
    const colour = coloured?.checked ? along(data.scene, (joint) => joints[joint]) : data.sides;
    const colours = poses.map((_, i) => (i === TRUTH ? data.grey : colour));
    // During a drag Plotly would go back to the camera from before the drag. Its events report the present camera while a
    // mouse drags, but not while a finger does, so its inner scene is asked, which is not part of its public interface.
    const inner = scene._fullLayout.scene?._scene;
    if (inner) scene.layout.scene.camera = inner.getCamera();
    Plotly.restyle(scene, { x, y, z, "line.color": colours, "marker.color": colours });

    if (cursor) cursor.style.left = `calc(50px + (100% - 60px) * ${frame / Math.max(track.frames - 1, 1)})`; // its margins
    slider.value = frame;
    const where = `frame ${track.first + frame} of ${track.total}, ${((track.first + frame) / track.fps).toFixed(2)} s`;
    slider.setAttribute("aria-valuetext", where);
    readout.textContent = track.truth ? `${where}, error ${mean(joints).toFixed(1)} mm` : where;
  }

  function go(to) {
    frame = (to + track.frames) % track.frames;
    position = frame;
    draw();
  }

  function run(now) {
    if (!playing) return;
    const passed = (now - (before ?? now)) / 1000;
    before = now;
    position = (position + passed * track.fps * Number(speed.value)) % track.frames;
    const next = Math.floor(position);
    if (next !== frame) {
      frame = next;
      draw();
    }
    requestAnimationFrame(run);
  }

  function toggle() {
    playing = !playing;
    play.textContent = playing ? "Pause" : "Play";
    before = null; // not performance.now(), which can be later than the time of the next animation frame
    if (playing) requestAnimationFrame(run);
  }

  function step(by) {
    if (playing) toggle();
    go(frame + by);
  }

  // Keys work in the player, and wherever nothing has the focus, as on a page that was just opened.
  const steps = { " ": toggle, ArrowRight: () => step(1), ArrowLeft: () => step(-1) };
  document.addEventListener("keydown", (event) => {
    const { target, key } = event;
    const nowhere = target === document.body || target === document.documentElement;
    const taken = target === slider ? key !== " " : target.matches("select, input")
      || (target.matches("button") && key === " ");
    const modified = event.shiftKey || event.ctrlKey || event.altKey || event.metaKey;
    if (taken || modified || !(key in steps) || !(nowhere || player.contains(target))) return;
    event.preventDefault();
    steps[key]();
    const { top, bottom } = player.getBoundingClientRect();
    if (nowhere && (bottom < 0 || top > window.innerHeight)) player.scrollIntoView();
  });
  player.addEventListener("pointerdown", (event) => event.target.closest(".plot") && player.focus({ preventScroll: true }));
  choice.addEventListener("change", () => open(choice.selectedIndex));
  play.addEventListener("click", toggle);
  slider.addEventListener("input", () => go(Number(slider.value)));
  overlay?.addEventListener("change", () => { arrange(); draw(); });
  coloured?.addEventListener("change", () => {
    Plotly.restyle(scene, { "marker.showscale": coloured.checked }, [0]);
    draw();
  });

  const config = { displaylogo: false, responsive: true };
  if (picture) Plotly.newPlot(picture, { ...data.figures.picture, config: { ...config, staticPlot: true } });
  Plotly.newPlot(scene, { ...data.figures.scene, config: { ...config, modeBarButtons: [["resetCameraDefault3d"]] } });
  if (curve) {
    Plotly.newPlot(curve, { ...data.figures.curve, config: { ...config, displayModeBar: false } });
    curve.on("plotly_click", ({ points: [{ x }] }) => go(x - track.first));
  }
  open(0);
})();

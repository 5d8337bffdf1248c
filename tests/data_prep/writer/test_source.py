"""What a data set is to the writer."""

import pickle

from helpers.legs import DESCRIPTION, tracks

from data_prep.writer.source import Source, SplitSize


def test_a_source_can_go_to_other_processes_and_has_nothing_to_remark():
    source = pickle.loads(pickle.dumps(Source(DESCRIPTION, tracks, "made by a test")))
    assert source.description == DESCRIPTION
    assert [track.subject for track in source.tracks(DESCRIPTION.splits[0])] == [
        track.subject for track in tracks(DESCRIPTION.splits[0])
    ]
    assert list(source.remarks({"S1": SplitSize(1, 10, 0.2)})) == []

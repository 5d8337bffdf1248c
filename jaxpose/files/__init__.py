"""Files written whole or not at all, and files read that anyone may have made."""

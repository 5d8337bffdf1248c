"""Errors and signals of commands, devices and compiled programs, tables of text."""

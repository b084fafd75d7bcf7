"""File drops: from an object under `drops/` to rows in the history and the hot table.

`staging` brings the object to local disk as plain text, `csv_rows` and `json_rows` read it in blocks of raw columns,
`judging` turns those into typed columns and reasons, and the modules of `kinds` say what becomes of the good rows.
Memory is bounded by the block, not by the file.
"""

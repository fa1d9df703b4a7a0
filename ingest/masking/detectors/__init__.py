"""What is looked for, one kind a file. A detector is a kernel that matches at one place and returns where it ends.

All take `data` (the address of the bytes) and the bounds `begin` and `end` of the text, which they never leave, and
return -1 where nothing matches. They see bytes: text is UTF-8 whose bytes from 0x80 on count as letters of words.
"""

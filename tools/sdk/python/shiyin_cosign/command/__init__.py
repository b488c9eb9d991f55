"""The phone as a program: `shiyin-phone`, in a checkout `./tools/phone`.

`main` reads the command line, `acts` does what it says, `words` speaks Chinese and English.
"""

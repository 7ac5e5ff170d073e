xml.instruct!
xml.feed { xml.entry "orca" }

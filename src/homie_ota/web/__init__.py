"""What answers over HTTP: the ESP endpoint, the API, the pages, and the routes of the old homie-ota.

Rule: a route reads the id, decodes, calls, chooses the answer and responds; a rule that is found here belongs to
`actions`, or into a room below.
"""

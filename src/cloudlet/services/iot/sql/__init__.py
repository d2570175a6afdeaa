"""IoT SQL: what a topic rule selects from a message. Pure: text in, a query; a message in, what goes on."""

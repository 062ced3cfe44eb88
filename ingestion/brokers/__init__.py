"""Where events come from besides HTTP: queues and topics of brokers."""

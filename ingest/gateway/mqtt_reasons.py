"""What a broker's reason codes mean to whoever looks after the box (MQTT 5, 2.4)."""

from paho.mqtt.reasoncodes import ReasonCode

from config.language import _, later

NO_SUBSCRIBER = 0x10
UNSUPPORTED_PROTOCOL = 0x84
ADVICE = {
    UNSUPPORTED_PROTOCOL: later("the broker speaks another version of MQTT"),
    0x85: later("the broker does not take the client's name: allow names that begin with adhere-"),
    0x86: later("check broker.username and the password in ADHERE_BROKER_PASSWORD"),
    0x87: later("the broker's access rules do not let this box do that"),
    0x88: later("the broker is not ready yet"),
    0x89: later("the broker has too much to do"),
    0x8A: later("the broker has banned this box"),
    0x8B: later("the broker is shutting down"),
    0x8D: later("the broker heard nothing from this box for too long"),
    0x8E: later("another client came under the same name"),
    0x90: later("the broker's access rules or settings do not know the topic"),
    0x93: later("the broker got more messages at once than it takes"),
    0x95: later("the broker does not carry messages of 64 KiB: raise its limit"),
    0x97: later("the broker's quota for this box is used up"),
    0x9A: later("the broker keeps no retained messages: allow them"),
    0x9B: later("the broker does not take quality of service 1: allow it"),
    0x9C: later("the broker says to use another server"),
    0x9D: later("the broker says that it has moved for good"),
    0x9F: later("the broker takes no more connections just now"),
}


def explained_reason(reason: ReasonCode) -> str:
    """Return the broker's reason with what it means, in the reader's language."""
    advice = ADVICE.get(reason.value)
    return str(reason) if advice is None else f"{reason} ({_(advice)})"

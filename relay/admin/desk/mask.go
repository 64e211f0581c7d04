package desk

import (
	"encoding/json"

	"qaserelay/relay/config"
)

const masked = "<secret>"

// maskMessage masks the options of a message that may hold secrets, and those of its fallbacks.
func maskMessage(message []byte) json.RawMessage {
	var m map[string]json.RawMessage
	if json.Unmarshal(message, &m) != nil {
		return nil
	}
	if m["options"] == nil && m["fallback"] == nil {
		return message
	}
	maskOptions(m)
	if m["fallback"] != nil {
		m["fallback"] = maskFallbacks(m["fallback"])
	}
	return encode(m)
}

func maskFallbacks(value json.RawMessage) json.RawMessage {
	var fallbacks []map[string]json.RawMessage
	if json.Unmarshal(value, &fallbacks) != nil {
		return encode(masked)
	}
	for _, f := range fallbacks {
		maskOptions(f)
	}
	return encode(fallbacks)
}

// maskOptions masks the options in m. The notifier may have been removed since, so options are masked as those of any
// kind.
func maskOptions(m map[string]json.RawMessage) {
	if m["options"] == nil {
		return
	}
	if m["options"] = config.MaskOptions(m["options"]); m["options"] == nil {
		delete(m, "options")
	}
}

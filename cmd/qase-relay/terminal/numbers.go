package terminal

import (
	"bytes"
	"encoding/json"
	"strings"
)

// DecodeNumbers decodes JSON, with numbers as json.Number.
func DecodeNumbers(data []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	return dec.Decode(v)
}

// JSON returns v as JSON on one line, without escaping <, > and &.
func JSON(v any) string {
	var text strings.Builder
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // v was decoded from JSON
	return strings.TrimSpace(text.String())
}

package terminal

import (
	"bytes"
	"encoding/json"
	"strings"
)

func DecodeNumbers(data []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	return dec.Decode(v)
}

// JSON returns v as JSON on one line, with < > & as they are: for people, not for web pages.
func JSON(v any) string {
	var text strings.Builder
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // it was JSON before
	return strings.TrimSpace(text.String())
}

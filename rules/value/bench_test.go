package value_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"qaserelay/rules/value"
)

const benchEvent = `{"event_name":"run.completed","timestamp":1650540194,"payload":{"id":7,"cases":14,` +
	`"passed":10,"failed":3,"blocked":1,"duration":93000},"team_member_id":40,"project_code":"WEB"}`

// BenchmarkDecodeJSON compares DecodeJSON with encoding/json, without the conversion of numbers.
func BenchmarkDecodeJSON(b *testing.B) {
	text := []byte(benchEvent)
	b.Run("own", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := value.DecodeJSON(text); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encoding/json", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var v any
			dec := json.NewDecoder(bytes.NewReader(text))
			dec.UseNumber()
			if err := dec.Decode(&v); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkAppendJSON compares AppendJSON with encoding/json.
func BenchmarkAppendJSON(b *testing.B) {
	v, err := value.DecodeJSON([]byte(benchEvent))
	if err != nil {
		b.Fatal(err)
	}
	b.Run("own", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			value.AppendJSON(nil, v)
		}
	})
	b.Run("encoding/json", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := json.Marshal(v); err != nil {
				b.Fatal(err)
			}
		}
	})
}

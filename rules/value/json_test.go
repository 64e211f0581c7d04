package value_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"

	"qaserelay/rules/value"
)

// FuzzDecodeJSON compares DecodeJSON with encoding/json: both accept the same texts and decode them to the same values.
func FuzzDecodeJSON(f *testing.F) {
	for _, seed := range []string{
		`{"a":1,"b":[true,false,null,-0,0.5,1e3,-1.5E-2,12345678901234567890],"c":{"d":"x\n\u00e9\ud83d\ude00\ud800"}}`,
		`"\ud800\u0041"`, "\"\xff\"", `[01]`, `[1.]`, `[1e]`, `[-]`, `{"a":1,"a":2}`, `{"a" 1}`, `[1,]`, `{,}`, `nul`,
		` `, `1 2`, `"\x"`, `1e999`, `-1e-999`, "\"\x01\"", `[[[[]]]]`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := value.DecodeJSON(text)
		if err != nil && strings.Contains(err.Error(), "nested") {
			return
		}
		dec := json.NewDecoder(bytes.NewReader(text))
		dec.UseNumber()
		var want any
		wantErr := dec.Decode(&want)
		if wantErr == nil && dec.More() || !json.Valid(text) {
			if err == nil {
				t.Fatalf("%q is no JSON, but gave %v", text, got)
			}
			return
		}
		if err != nil || !reflect.DeepEqual(got, plainNumbers(want)) {
			t.Fatalf("%q: got %#v, %v; want %#v", text, got, err, plainNumbers(want))
		}
		again, err := value.DecodeJSON(value.AppendJSON(nil, got))
		if err != nil || value.JSONText(again) != value.JSONText(got) {
			t.Fatalf("%q: written and read again it is %#v, %v", text, again, err)
		}
	})
}

func plainNumbers(v any) any {
	switch v := v.(type) {
	case string:
		return norm.NFC.String(v)
	case json.Number:
		return value.Number(v.String())
	case []any:
		for i := range v {
			v[i] = plainNumbers(v[i])
		}
	case map[string]any:
		plain := map[string]any{}
		for _, k := range slices.Sorted(maps.Keys(v)) {
			plain[norm.NFC.String(k)] = plainNumbers(v[k])
		}
		return plain
	}
	return v
}

// FuzzAppendJSONString compares AppendJSONString with encoding/json.
func FuzzAppendJSONString(f *testing.F) {
	for _, seed := range []string{
		"", "plain", "a \"b\" \\ c\nd", "\n", "\\", "ends with \"", "tab\t", "\x01", "\x7f", "Prüfung · 3 failed 😀",
		"\xff", "half \xe2\x80", "\ufffd", "a\u2028b\u2029", "<b>&amp;</b>", "\r\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		want := bytes.NewBufferString("x")
		enc := json.NewEncoder(want)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(text); err != nil {
			t.Fatal(err)
		}
		if got := value.AppendJSONString([]byte("x"), text); string(got)+"\n" != want.String() {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

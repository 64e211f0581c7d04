package rulefile_test

import (
	"crypto/sha256"
	"io/fs"
	"strings"
	"testing"

	"qaserelay/rules/lint"
	"qaserelay/rules/rulefile/rulefiletest"
	"qaserelay/rules/yamldoc"
)

// TestSecretsComeFromOneFileOrSeveral reads the secrets of a source, each on a line of its own.
func TestSecretsComeFromOneFileOrSeveral(t *testing.T) {
	files := map[string]string{"a": "one\n", "b": "\uFEFFtwo\r\n", "both": "one\n\ntwo\n", "empty": "\n",
		"utf16": "\xff\xfeo\x00", "spaces": "one \n"}
	o := rulefiletest.Options()
	o.ReadFile = func(name string) ([]byte, error) {
		if text, ok := files[name]; ok {
			return []byte(text), nil
		}
		return nil, fs.ErrNotExist
	}
	for value, c := range map[string]struct {
		secrets []string
		want    string
	}{
		"a":             {[]string{"one"}, ""},
		"b":             {[]string{"two"}, ""},
		"both":          {[]string{"one", "two"}, ""},
		"[a]":           {[]string{"one"}, ""},
		"[a, b]":        {[]string{"one", "two"}, ""},
		"[both, a]":     {[]string{"one", "two", "one"}, ""},
		"[]":            {nil, "1:38: error: secrets_file has no value (give it one, or remove the key)"},
		"empty":         {nil, "1:38: error: secrets_file: the file empty is empty"},
		"[a, empty]":    {nil, "1:42: error: secrets_file: the file empty is empty"},
		"[a, utf16]":    {nil, "1:42: error: secrets_file: the file utf16 is UTF-16; save it as UTF-8"},
		"[spaces]":      {nil, "1:39: error: secrets_file: the file spaces has a space at its end"},
		"[a, none]":     {nil, "1:42: error: secrets_file: there is no file none"},
		"{a: b}":        {nil, "1:38: error: secrets_file must be text, not a mapping (put it in quotes: \"{a: b}\")"},
		"[[a]]":         {nil, "1:39: error: secrets_file must be text, not a list (put it in quotes: \"[a]\")"},
		"a, secrets: s": {nil, "1:41: error: secrets and secrets_file are both set; keep one of them"},
	} {
		t.Run(value, func(t *testing.T) {
			text := "sources: [{name: qase, secrets_file: " + value + "}]\nrules: [{name: r, when: \"true\", stop: true}]\n"
			config, problems := lint.Parse([]yamldoc.File{{Name: "r.yaml", Data: []byte(text)}}, o)
			var got []string
			for _, p := range problems {
				got = append(got, strings.TrimPrefix(p.Error(), "r.yaml:"))
			}
			if all := strings.Join(got, "\n"); (c.want == "") != (all == "") || !strings.HasPrefix(all, c.want) {
				t.Errorf("got %s, want %s", all, c.want)
			}
			if len(got) > 1 {
				t.Errorf("want one problem: %v", got)
			}
			if c.want != "" {
				return
			}
			if len(config.Sources[0].Secrets) != len(c.secrets) {
				t.Fatalf("got %d secrets, want %d", len(config.Sources[0].Secrets), len(c.secrets))
			}
			for i, secret := range c.secrets {
				if config.Sources[0].Secrets[i] != sha256.Sum256([]byte(secret)) {
					t.Errorf("secret %d is not %q", i, secret)
				}
			}
		})
	}
}

// TestAnEmptyVariableIsReported reads secrets from a variable that is set and empty. A default of nothing is meant.
func TestAnEmptyVariableIsReported(t *testing.T) {
	for text, want := range map[string]string{
		`sources: [{name: qase, secrets: ["${EMPTY}"]}]`:                  "an entry of secrets: ${EMPTY} is empty",
		`sources: [{name: qase, secrets: [s, "${EMPTY}${EMPTY}"]}]`:       "an entry of secrets: the value is empty",
		`sources: [{name: qase, secrets: [s], api_token: "${EMPTY}"}]`:    "api_token: ${EMPTY} is empty",
		`notifiers: [{name: a, type: chat, token: "${EMPTY}"}]`:           "token: ${EMPTY} is empty",
		`notifiers: [{name: a, type: chat, token: "${EMPTY:-}"}]`:         "",
		`notifiers: [{name: a, type: chat, token: "${EMPTY:-${TOKEN}}"}]`: "",
		`notifiers: [{name: a, type: chat, token: "${NOT_SET}"}]`:         "the environment variable NOT_SET is not set",
	} {
		if !strings.HasPrefix(text, "sources") {
			text = "sources: [{name: qase, secrets: [s]}]\n" + text
		}
		_, problems := rulefiletest.Check("rules.yaml", text+"\nrules: [{name: r, when: \"true\", stop: true}]\n")
		if len(problems) > 1 || (want == "") != (len(problems) == 0) ||
			want != "" && !strings.Contains(problems[0].Error(), "error: "+want) {
			t.Errorf("%s: got %v, want %q", text, problems, want)
		}
	}
}

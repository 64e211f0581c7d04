package yamldoc

import (
	"testing"
)

// TestSpacesAroundTheValuesOfVariables has variables as shells and orchestrators set them: a line break at the end is
// dropped, and spaces are a warning.
func TestSpacesAroundTheValuesOfVariables(t *testing.T) {
	env := map[string]string{"LINE": "abc\r\n", "END": "abc ", "BEGIN": "\tabc", "TWO": "a\nb"}
	for text, want := range map[string]string{
		`url: "https://x.io/${LINE}"`: "https://x.io/abc",
		`url: "https://x.io/${TWO}"`:  "https://x.io/a\nb",
		`url: "https://x.io/${END}"`:  "https://x.io/abc ! url: it has a space at its end",
		`url: "${BEGIN}/x"`:           "\tabc/x! url: it has a space at its beginning",
		`url: "https://x.io/ "`:       "https://x.io/ ! url: it has a space at its end",
		`title: "${END}"`:             "abc ! title: it has a space at its end",
		`title: "${END} "`:            "abc  ",
		`title: "abc "`:               "abc ",
		`title: " ${LINE}"`:           " abc",
	} {
		r := &Reader{LookupEnv: func(name string) (string, bool) { v, set := env[name]; return v, set }}
		d := r.Open(File{Name: "x.yaml", Data: []byte(text)})
		var into struct {
			URL   Text `yaml:"url"`
			Title Text `yaml:"title"`
		}
		d.Decode(d.Root, &into, "")
		got := into.URL.S + into.Title.S
		for _, p := range r.Problems {
			got += "! " + p.Message
		}
		if got != want {
			t.Errorf("%s:\ngot  %q\nwant %q", text, got, want)
		}
	}
}

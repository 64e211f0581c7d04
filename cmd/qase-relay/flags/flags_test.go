package flags

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

func TestFlagsCanBeSetByVariables(t *testing.T) {
	for name, value := range map[string]string{"RULES": "a.yaml,b.yaml", "LISTEN": ":1", "DRY_RUN": "true",
		"MAX_BODY": "2MiB"} {
		t.Setenv("QASE_RELAY_"+name, value)
	}
	type values struct {
		rules  []string
		listen string
		dryRun bool
		body   Size
	}
	var f values
	set := pflag.NewFlagSet("", pflag.ContinueOnError)
	set.StringArrayVar(&f.rules, "rules", []string{"rules.yaml"}, "")
	set.StringVar(&f.listen, "listen", "", "")
	set.BoolVar(&f.dryRun, "dry-run", false, "")
	set.Var(&f.body, "max-body", "")
	if err := set.Parse([]string{"--listen", ":2"}); err != nil {
		t.Fatal(err)
	}
	if err := FromEnvironment(set); err != nil {
		t.Fatal(err)
	}
	want := values{rules: []string{"a.yaml", "b.yaml"}, listen: ":2", dryRun: true, body: 2 << 20}
	if !reflect.DeepEqual(f, want) {
		t.Errorf("got %+v, want %+v", f, want)
	}
}

func TestSizesAreReadAndWritten(t *testing.T) {
	for text, want := range map[string]string{"1048576": "1MiB", "512KiB": "512KiB", "2 MiB": "2MiB", "1000": "1000",
		"0": "", "-1": "", "1GB": "", "9999999MiB": ""} {
		var b Size
		err := b.Set(text)
		if want == "" && err == nil || want != "" && (err != nil || b.String() != want) {
			t.Errorf("%q: %v, %v, want %q", text, b.String(), err, want)
		}
	}
}

func TestSecretsComeFromFlagsFilesAndVariables(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	good, other := file("good", "from-file\n"), file("other", "from-other\n")
	type env = map[string]string
	for name, c := range map[string]struct {
		args      []string
		env       env
		onlyFlags bool
		want      string
		fault     string
	}{
		"nothing":                         {want: "default"},
		"the flag":                        {args: []string{"--token", "a"}, want: "a"},
		"the file":                        {args: []string{"--token-file", good}, want: "from-file"},
		"the variable":                    {env: env{"TOKEN": "v"}, want: "v"},
		"the variable, with a line break": {env: env{"TOKEN": "v\r\n"}, want: "v"},
		"the file of the variable":        {env: env{"TOKEN_FILE": good}, want: "from-file"},
		"the flag before the variable":    {args: []string{"--token", "a"}, env: env{"TOKEN": "v"}, want: "a"},
		"the flag before the variable's file": {args: []string{"--token", "a"}, env: env{"TOKEN_FILE": "/no/such"},
			want: "a"},
		"the file before the variable": {args: []string{"--token-file", good}, env: env{"TOKEN": "v"},
			want: "from-file"},
		"the file before the variable's file": {args: []string{"--token-file", good}, env: env{"TOKEN_FILE": other},
			want: "from-file"},
		"both flags": {args: []string{"--token", "a", "--token-file", good},
			fault: "--token and --token-file cannot be used together"},
		"both variables": {env: env{"TOKEN": "v", "TOKEN_FILE": good},
			fault: "QASE_RELAY_TOKEN and QASE_RELAY_TOKEN_FILE cannot"},
		"an empty flag before the variable": {args: []string{"--token", ""}, env: env{"TOKEN": "v"}, want: ""},
		"a file without a name": {args: []string{"--token-file", ""},
			fault: "--token-file: the name of the file is empty"},
		"a file that does not exist": {args: []string{"--token-file", "/no/such"},
			fault: "--token-file: open /no/such"},
		"a variable's file that does not exist": {env: env{"TOKEN_FILE": "/no/such"},
			fault: "QASE_RELAY_TOKEN_FILE: open /no/such"},
		"a folder":      {args: []string{"--token-file", dir}, fault: "is a directory"},
		"an empty file": {args: []string{"--token-file", file("empty", "\n")}, fault: "empty is empty"},
		"a file of two lines": {args: []string{"--token-file", file("two", "s3cr3t\nb\n")},
			fault: "two has more than one line"},
		"a file with a byte order mark": {args: []string{"--token-file", file("bom", "\uFEFFabc\r\n")},
			want: "abc"},
		"a file of UTF-16": {args: []string{"--token-file", file("utf16", "\xff\xfea\x00")}, fault: "is UTF-16"},
		"a file with a space at its end": {args: []string{"--token-file", file("space", "s3cr3t ")},
			fault: "has a space at its end"},
		"a file that is too large": {args: []string{"--token-file", file("large", strings.Repeat("s3cr3t", 20000))},
			fault: "too large"},
		"a flag of two lines":                   {args: []string{"--token", "s3cr3t\nb"}, fault: "has more than one line"},
		"a flag with a NUL at its end":          {args: []string{"--token", "s3cr3t\x00"}, fault: "--token has a NUL"},
		"a flag without variables":              {env: env{"TOKEN": "v"}, onlyFlags: true, want: "default"},
		"a flag without variables, with a file": {env: env{"TOKEN_FILE": "/no/such"}, onlyFlags: true, want: "default"},
		"its file":                              {args: []string{"--token-file", good}, onlyFlags: true, want: "from-file"},
	} {
		t.Run(name, func(t *testing.T) {
			for name, value := range c.env {
				t.Setenv("QASE_RELAY_"+name, value)
			}
			var got string
			set := pflag.NewFlagSet("", pflag.ContinueOnError)
			Secret{Name: "token", Default: "default", OnlyFlags: c.onlyFlags}.Add(set, &got)
			if err := set.Parse(c.args); err != nil {
				t.Fatal(err)
			}
			switch err := FromEnvironment(set); {
			case c.fault == "" && (err != nil || got != c.want):
				t.Errorf("got %q, %v, want %q", got, err, c.want)
			case c.fault != "" && (err == nil || !strings.Contains(err.Error(), c.fault)):
				t.Errorf("got %v, want %q", err, c.fault)
			case err != nil && strings.Contains(err.Error(), "s3cr3t"):
				t.Errorf("the error shows the secret: %v", err)
			}
		})
	}
}

func TestASecretVariableIsCleaned(t *testing.T) {
	t.Setenv("A_SECRET", "abc\n")
	if got, err := SecretVariable("A_SECRET"); got != "abc" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	t.Setenv("A_SECRET", "s3cr3t\nx")
	if got, err := SecretVariable("A_SECRET"); got != "" || err == nil || strings.Contains(err.Error(), "s3cr3t") {
		t.Errorf("got %q, %v", got, err)
	}
	if got, err := SecretVariable("NOT_SET_AT_ALL"); got != "" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

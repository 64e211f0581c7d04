package addresses

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"qaserelay/relay/app"
)

func TestTheFlagsOfSignInAreChecked(t *testing.T) {
	file := func(text string) string {
		name := filepath.Join(t.TempDir(), "tokens")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return "--admin-tokens-file=" + name
	}
	for name, c := range map[string]struct {
		args []string
		err  string
	}{
		"nothing":             {nil, ""},
		"a proxy":             {[]string{"--admin-user-header=X-Forwarded-User", "--admin-trusted-proxies=10.0.0.0/8,::1", "--admin-user-role=operate"}, ""},
		"no proxies":          {[]string{"--admin-user-header=X-Forwarded-User"}, "needs trusted proxies"},
		"no header":           {[]string{"--admin-trusted-proxies=10.0.0.0/8"}, "need the header"},
		"a role alone":        {[]string{"--admin-user-role=read"}, "needs the header"},
		"another role":        {[]string{"--admin-user-role=root"}, "--admin-user-role: want the role read or operate"},
		"not a header":        {[]string{"--admin-user-header=X User"}, "--admin-user-header: not the name of a header"},
		"not a network":       {[]string{"--admin-user-header=X-User", "--admin-trusted-proxies=proxy"}, "--admin-trusted-proxies: "},
		"tokens":              {[]string{file("ana operate aaaa\n")}, ""},
		"a bad line":          {[]string{file("ana operate aaaa\nben bbbb\n")}, "tokens: line 2: want NAME ROLE TOKEN"},
		"no file":             {[]string{"--admin-tokens-file=/no/such"}, "--admin-tokens-file: /no/such: no such file"},
		"one token for two":   {[]string{file("ana operate aaaa\n"), "--admin-token=aaaa"}, `"ana" has the token of --admin-token`},
		"a URL with a query":  {[]string{"--admin-url=https://example.com/relay?a=b"}, "--admin-url: not the URL of a site"},
		"a URL with a prefix": {[]string{"--admin-url=https://example.com/relay/"}, ""},
	} {
		var f Flags
		var o app.Options
		set := pflag.NewFlagSet("", pflag.ContinueOnError)
		f.Add(set)
		if err := set.Parse(c.args); err != nil {
			t.Fatal(err)
		}
		err := f.Apply(&o)
		if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), "aaaa") {
			t.Errorf("%s: the error shows a token: %v", name, err)
		}
	}
}

package origin

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"
)

func TestTheClientBehindProxies(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for name, c := range map[string]struct {
		peer, list, standard string // the lines of a header are separated by |
		want                 string // "" if the client is not known
		untrusted            bool
	}{
		"no proxy":                            {peer: "203.0.113.7:1", want: "203.0.113.7"},
		"a proxy without a header":            {peer: "10.0.0.1:1", want: "10.0.0.1"},
		"a header of another peer":            {peer: "203.0.113.7:1", list: "3.3.3.3", want: "203.0.113.7", untrusted: true},
		"a Forwarded of another peer":         {peer: "203.0.113.7:1", standard: "for=3.3.3.3", want: "203.0.113.7", untrusted: true},
		"one proxy":                           {peer: "10.0.0.1:1", list: "203.0.113.7", want: "203.0.113.7"},
		"two proxies":                         {peer: "10.0.0.1:1", list: "203.0.113.7, 10.0.0.2", want: "203.0.113.7"},
		"forged entries on the left":          {peer: "10.0.0.1:1", list: "3.3.3.3, 203.0.113.7", want: "203.0.113.7"},
		"a forged proxy on the left":          {peer: "10.0.0.1:1", list: "3.3.3.3, 10.0.0.9, 203.0.113.7", want: "203.0.113.7"},
		"junk on the left":                    {peer: "10.0.0.1:1", list: "<script>, 203.0.113.7", want: "203.0.113.7"},
		"junk on the right":                   {peer: "10.0.0.1:1", list: "203.0.113.7, unknown", want: ""},
		"several lines are one list":          {peer: "10.0.0.1:1", list: "3.3.3.3|203.0.113.7|10.0.0.2", want: "203.0.113.7"},
		"empty entries":                       {peer: "10.0.0.1:1", list: " , 203.0.113.7 ,,", want: "203.0.113.7"},
		"only proxies: the first one":         {peer: "10.0.0.1:1", list: "10.0.0.3, 10.0.0.2", want: "10.0.0.3"},
		"a port":                              {peer: "10.0.0.1:1", list: "203.0.113.7:4711", want: "203.0.113.7"},
		"IPv6":                                {peer: "[fd00::1]:1", list: "2001:db8::7", want: "2001:db8::7"},
		"IPv6 in brackets":                    {peer: "[fd00::1]:1", list: "[2001:db8::7]", want: "2001:db8::7"},
		"IPv6 with a port":                    {peer: "[fd00::1]:1", list: "[2001:db8::7]:80", want: "2001:db8::7"},
		"IPv6 with a zone":                    {peer: "10.0.0.1:1", list: "fe80::1%eth0", want: "fe80::1"},
		"half of the brackets":                {peer: "10.0.0.1:1", list: "[2001:db8::7", want: ""},
		"IPv4 mapped into IPv6":               {peer: "[::ffff:10.0.0.1]:1", list: "::ffff:203.0.113.7", want: "203.0.113.7"},
		"a mapped proxy":                      {peer: "10.0.0.1:1", list: "203.0.113.7, ::ffff:10.0.0.2", want: "203.0.113.7"},
		"Forwarded":                           {peer: "10.0.0.1:1", standard: "for=203.0.113.7;proto=https;by=10.0.0.1", want: "203.0.113.7"},
		"Forwarded in capitals, quoted":       {peer: "10.0.0.1:1", standard: `Proto=https; FOR="203.0.113.7:47011"`, want: "203.0.113.7"},
		"Forwarded with IPv6":                 {peer: "10.0.0.1:1", standard: `for="[2001:db8:cafe::17]:4711"`, want: "2001:db8:cafe::17"},
		"Forwarded of several hops and lines": {peer: "10.0.0.1:1", standard: `for=3.3.3.3, for=203.0.113.7|for=10.0.0.2`, want: "203.0.113.7"},
		"a comma in quotes":                   {peer: "10.0.0.1:1", standard: `host="a, for=3.3.3.3";for=203.0.113.7`, want: "203.0.113.7"},
		"a forged quote on the left":          {peer: "10.0.0.1:1", standard: `host="a|for=203.0.113.7`, want: "203.0.113.7"},
		"a forged quote in the same line":     {peer: "10.0.0.1:1", standard: `for=3.3.3.3;host="a, for=203.0.113.7`, want: ""},
		"a forged quote before quotes":        {peer: "10.0.0.1:1", standard: `for=3.3.3.3;a=", for="[2001:db8::7]:1"`, want: ""},
		"a hop that hides itself":             {peer: "10.0.0.1:1", standard: "for=3.3.3.3, for=_hidden", want: ""},
		"a last hop without an address":       {peer: "10.0.0.1:1", standard: "for=3.3.3.3, proto=https", want: ""},
		"Forwarded about other things":        {peer: "10.0.0.1:1", list: "203.0.113.7", standard: "proto=https", want: "203.0.113.7"},
		"both headers agree":                  {peer: "10.0.0.1:1", list: "203.0.113.7", standard: "for=203.0.113.7", want: "203.0.113.7"},
		"the client forges the other header":  {peer: "10.0.0.1:1", list: "203.0.113.7", standard: "for=3.3.3.3", want: ""},
		"the other header names proxies":      {peer: "10.0.0.1:1", list: "203.0.113.7", standard: "for=10.0.0.2", want: "203.0.113.7"},
		"proxies that differ":                 {peer: "10.0.0.1:1", list: "10.0.0.3", standard: "for=10.0.0.2", want: "10.0.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			r := &http.Request{RemoteAddr: c.peer, Header: http.Header{}}
			for header, lines := range map[string]string{"X-Forwarded-For": c.list, "Forwarded": c.standard} {
				if lines != "" {
					r.Header[header] = strings.Split(lines, "|")
				}
			}
			got := Of(r, proxies)
			if want, _ := netip.ParseAddr(c.want); got.Client != want || got.Untrusted != c.untrusted {
				t.Errorf("got %v, want %q", got, c.want)
			}
		})
	}
}

func FuzzClientIsNeverLeftOfTheProxies(f *testing.F) {
	f.Add("3.3.3.3, for=x", `host="`)
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	f.Fuzz(func(t *testing.T, forged, forgedStandard string) {
		r := &http.Request{RemoteAddr: "10.0.0.1:1", Header: http.Header{
			"X-Forwarded-For": {forged, "203.0.113.7"}, "Forwarded": {forgedStandard, "for=203.0.113.7"}}}
		if got := Of(r, trusted); got.Client.String() != "203.0.113.7" {
			t.Errorf("%q and %q: %v", forged, forgedStandard, got)
		}
		for _, appended := range []string{"for=203.0.113.7", `for="203.0.113.7:80"`} {
			r.Header = http.Header{"Forwarded": {forgedStandard + ", " + appended}}
			if got := Of(r, trusted); got.Client.IsValid() && got.Client.String() != "203.0.113.7" {
				t.Errorf("%q in one line with the proxy's: %v", forgedStandard, got)
			}
		}
	})
}

package value

import "testing"

func TestNetworks(t *testing.T) {
	for text, want := range map[string]string{
		"203.0.113.7": "203.0.113.7/32", "203.0.113.7/24": "203.0.113.0/24", "2001:db8::7": "2001:db8::7/128",
		"2001:db8::/32": "2001:db8::/32", "::ffff:203.0.113.7": "203.0.113.7/32", "fe80::1%eth0": "fe80::1/128",
		"::ffff:203.0.113.0/120": "203.0.113.0/24", "0.0.0.0/0": "0.0.0.0/0", "::/0": "::/0",
	} {
		got, err := ParseNetwork(text)
		if err != nil || got.String() != want || !MayBeClient(got) {
			t.Errorf("%s: %v %v, want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "nowhere", "203.0.113", "203.0.113.7/33", "203.0.113.7:80", "[::1]", "10.0.0.0-10.0.0.9"} {
		if got, err := ParseNetwork(text); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
	for _, text := range []string{"0.0.0.0", "::", "224.0.0.1", "255.255.255.255", "ff02::1", "0.0.0.0/8", "240.0.0.0/4"} {
		if got, err := ParseNetwork(text); err != nil || MayBeClient(got) {
			t.Errorf("%s may be a client: %v %v", text, got, err)
		}
	}
}

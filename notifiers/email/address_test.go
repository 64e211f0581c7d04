package email

import "testing"

func TestOnlySoundAddressesGetMails(t *testing.T) {
	for text, want := range map[string]bool{
		"bob@bar.io": true, "Bob <bob@bar.io>": true, `"bob bar"@bar.io`: true, "bob@[192.0.2.1]": true,
		"bob@bär.de":           true,
		"=?utf-8?q?=00?=@x.io": false, "bob@x?=": false, "bob": false, "=?utf-8?q?0=00@?=": false,
		"bob@bar.io\r\nBcc: x@y.io": false, "a@x.io, b@x.io": false,
	} {
		if good, bad := parseAddresses([]string{text}); (len(good) == 1) != want || len(good)+len(bad) != 1 {
			t.Errorf("%q: good %v, bad %q", text, good, bad)
		}
	}
}

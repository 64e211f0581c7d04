package access

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"qaserelay/relay/store"
)

func TestCheckAddress(t *testing.T) {
	for addr, ok := range map[string]bool{
		"127.0.0.1:9090": true, "127.9.9.9:1": true, "[::1]:9090": true, "localhost:9090": true, "[::ffff:127.0.0.1]:9090": true,
		":9090": false, "0.0.0.0:9090": false, "[::]:9090": false, "192.0.2.1:9090": false, "relay.example.com:9090": false,
		"9090": false, "": false,
	} {
		if err := CheckAddress(addr, false); (err == nil) != ok {
			t.Errorf("%q without a token: %v", addr, err)
		}
	}
	if err := CheckAddress("0.0.0.0:9090", true); err != nil {
		t.Errorf("with a token: %v", err)
	}
	if err := CheckAddress("9090", true); err == nil {
		t.Error("an address without a port passed, since there is a token")
	}
}

func TestGuessersAreBoundedAndApart(t *testing.T) {
	g := newGuessers()
	for range wrongTokens {
		g.of("203.0.113.7:1").Allow()
		g.of("[2001:db8::1]:1").Allow()
	}
	for addr, limited := range map[string]bool{"203.0.113.7:99": true, "[::ffff:203.0.113.7]:5": true, "203.0.113.8:1": false,
		"[2001:db8::ffff]:1": true, "[2001:db8:1::1]:1": false, "nonsense": false} {
		if got := g.of(addr).Tokens() < 1; got != limited {
			t.Errorf("%s is limited: %v", addr, got)
		}
	}
	for i := range 3 * maxGuessers {
		g.of(netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 1).String())
	}
	if n := g.rates.Len(); n > maxGuessers {
		t.Errorf("%d clients are remembered", n)
	}
}

func TestTokensAreReadFromAFile(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []Token
		err  string
	}{
		"two people":         {"\uFEFFana operate aaaa\n\n # the board\n  ben\tread  b=b \r\n", []Token{{"ana", Operate, "aaaa"}, {"ben", Read, "b=b"}}, ""},
		"nothing":            {"# none\n", nil, "it has no token"},
		"no role":            {"ana s3cret\n", nil, "line 1: want NAME ROLE TOKEN"},
		"another role":       {"x read y\nana admin s3cret\n", []Token{{"x", Read, "y"}}, `line 2: want the role read or operate, not "admin"`},
		"another order":      {"ana s3cret-token operate\n", nil, "line 1: want NAME ROLE TOKEN in this order"},
		"the role first":     {"operate ana s3cret\n", nil, "line 1: want NAME ROLE TOKEN in this order"},
		"the same name":      {"ana read a\nana read s3cret\n", []Token{{"ana", Read, "a"}}, `line 2: the name "ana" is there already`},
		"the same token":     {"ana read s3cret\nben read s3cret\n", []Token{{"ana", Read, "s3cret"}}, `line 2: "ben" has the token of "ana"`},
		"a token of letters": {"ana read s3cretü\n", nil, "line 1: the token has characters"},
		"a control character": {"a\u202ena read s3cret\n", nil,
			"line 1: the name is longer than 100 characters, or has some that cannot be printed"},
		"a long line": {"ana read " + strings.Repeat("s3cret", 3000), nil, "line 1: "},
	} {
		got, err := ParseTokens(strings.NewReader(c.text))
		if !slices.Equal(got, c.want) || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
		if err != nil && strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: the error shows a token: %v", name, err)
		}
	}
}

// kept are sessions in memory.
type kept struct {
	values map[string]store.Change
	err    error
}

func (k *kept) Get(_ context.Context, key string) ([]byte, error) {
	return k.values[key].Value, k.err
}

func (k *kept) Swap(_ context.Context, key string, old []byte, c store.Change) (bool, error) {
	if string(k.values[key].Value) != string(old) {
		return false, k.err
	}
	k.values[key] = c
	return true, k.err
}

// desk is a guard with a clock and sessions.
type desk struct {
	*Guard
	now time.Time
	kv  *kept
}

func newDesk(o Options) *desk {
	d := &desk{now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), kv: &kept{values: map[string]store.Change{}}}
	o.Sessions, o.Now = d.kv, func() time.Time { return d.now }
	d.Guard = New(o)
	return d
}

// request comes from a peer with headers.
func request(peer string, headers ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.RemoteAddr = peer
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

func TestEachClientHasANameAndARole(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	people := []Token{{"ana", Operate, "aaaa"}, {"ben", Read, "bbbb"}}
	const inside, outside, user = "10.1.2.3:4", "192.0.2.7:4", "X-Forwarded-User"
	for name, c := range map[string]struct {
		o       Options
		r       *http.Request
		want    Actor
		unknown bool
	}{
		"no sign-in":      {r: request("127.0.0.1:1"), want: Actor{"local", Operate, Local, "127.0.0.1", time.Time{}}},
		"the one token":   {o: Options{Token: "t"}, r: request(outside, "Authorization", "bearer t"), want: Actor{"admin", Operate, ByToken, "192.0.2.7", time.Time{}}},
		"no token":        {o: Options{Token: "t"}, r: request(outside), unknown: true},
		"longer":          {o: Options{Token: "t"}, r: request(outside, "Authorization", "Bearer tt"), unknown: true},
		"empty":           {o: Options{Token: "t"}, r: request(outside, "Authorization", "Bearer "), unknown: true},
		"another scheme":  {o: Options{Token: "t"}, r: request(outside, "Authorization", "Basic t"), unknown: true},
		"ana":             {o: Options{Tokens: people}, r: request(outside, "Authorization", "Bearer aaaa"), want: Actor{"ana", Operate, ByToken, "192.0.2.7", time.Time{}}},
		"ben":             {o: Options{Token: "t", Tokens: people}, r: request(outside, "Authorization", "Bearer bbbb"), want: Actor{"ben", Read, ByToken, "192.0.2.7", time.Time{}}},
		"a proxy's user":  {o: Options{Token: "t", Header: user, Proxies: proxies}, r: request(inside, user, "Ána"), want: Actor{"Ána", Read, ByHeader, "10.1.2.3", time.Time{}}},
		"with a role":     {o: Options{Token: "t", Header: user, Proxies: proxies, HeaderRole: Operate}, r: request(inside, user, "ana"), want: Actor{"ana", Operate, ByHeader, "10.1.2.3", time.Time{}}},
		"mapped":          {o: Options{Token: "t", Header: user, Proxies: proxies}, r: request("[::ffff:10.1.2.3]:4", user, "ana"), want: Actor{"ana", Read, ByHeader, "10.1.2.3", time.Time{}}},
		"forged":          {o: Options{Token: "t", Header: user, Proxies: proxies}, r: request(outside, user, "ana"), unknown: true},
		"forged, local":   {o: Options{Header: user, Proxies: proxies}, r: request("127.0.0.1:4", user, "ana"), want: Actor{"local", Operate, Local, "127.0.0.1", time.Time{}}},
		"sent twice":      {o: Options{Token: "t", Header: user, Proxies: proxies}, r: request(inside, user, "ana", user, "ben"), unknown: true},
		"blank":           {o: Options{Token: "t", Header: user, Proxies: proxies}, r: request(inside, user, " "), unknown: true},
		"not text":        {o: Options{Token: "t", Header: user, Proxies: proxies}, r: request(inside, user, "a\u202eb"), unknown: true},
		"nobody named":    {o: Options{Header: user, Proxies: proxies}, r: request(inside), unknown: true},
		"a proxy's token": {o: Options{Token: "t", Header: user, Proxies: proxies}, r: request(inside, "Authorization", "Bearer t"), want: Actor{"admin", Operate, ByToken, "10.1.2.3", time.Time{}}},
		"via another":     {o: Options{Token: "t", Header: user, Proxies: proxies}, r: request(outside, "X-Forwarded-For", "10.1.2.3", user, "ana"), unknown: true},
	} {
		got, err := New(c.o).Client(c.r)
		if got != c.want || errors.Is(err, ErrUnknown) != c.unknown || err != nil && !c.unknown {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestAHeaderNeedsTrustedProxies(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	for _, c := range []struct {
		o  Options
		ok bool
	}{
		{Options{}, true}, {Options{Header: "X-User", Proxies: proxies}, true}, {Options{Header: "X-User"}, false},
		{Options{Proxies: proxies}, false}, {Options{HeaderRole: Read}, false},
	} {
		if err := c.o.Check(); (err == nil) != c.ok {
			t.Errorf("%+v: %v", c.o, err)
		}
	}
}

func TestASessionLastsUntilItEnds(t *testing.T) {
	signIn := func(d *desk) *http.Request {
		t.Helper()
		_, c, err := d.SignIn(request("192.0.2.7:1"), "t0ken ", "Ana")
		if err != nil {
			t.Fatal(err)
		}
		if c.Path != "" || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || !strings.HasPrefix(c.Name, "qr-") || len(c.Name) != 9 {
			t.Errorf("the cookie is %+v", c)
		}
		r := request("192.0.2.8:1")
		r.AddCookie(&http.Cookie{Name: c.Name, Value: strings.Repeat("A", 43)}) // of another path
		r.AddCookie(c)
		return r
	}
	for name, c := range map[string]struct {
		change func(d *desk, r *http.Request)
		known  bool
	}{
		"at once":       {func(*desk, *http.Request) {}, true},
		"after 11 h":    {func(d *desk, _ *http.Request) { d.now = d.now.Add(11 * time.Hour) }, true},
		"after 12 h":    {func(d *desk, _ *http.Request) { d.now = d.now.Add(12 * time.Hour) }, false},
		"used each 6 h": {func(d *desk, r *http.Request) { d.use(t, r, 27) }, true},
		"after 7 days":  {func(d *desk, r *http.Request) { d.use(t, r, 27); d.now = d.now.Add(6 * time.Hour) }, false},
		"signed out": {func(d *desk, r *http.Request) {
			if gone, err := d.SignOut(r); err != nil || len(gone) == 0 || gone[0].MaxAge >= 0 {
				t.Errorf("signing out: %+v, %v", gone, err)
			}
		}, false},
		"another token": {func(d *desk, _ *http.Request) { d.Guard = d.withToken("other") }, false},
		"the same one":  {func(d *desk, _ *http.Request) { d.Guard = d.withToken("t0ken") }, true},
	} {
		d := newDesk(Options{Token: "t0ken"})
		r := signIn(d)
		c.change(d, r)
		a, err := d.Person(r)
		if c.known && (!a.Ends.After(d.now) || a.Ends.After(d.now.Add(idleTime))) {
			t.Errorf("%s: the session ends at %v", name, a.Ends)
		}
		a.Ends = time.Time{}
		if c.known && (err != nil || a != Actor{"Ana", Operate, ByToken, "192.0.2.8", time.Time{}}) || !c.known && !errors.Is(err, ErrUnknown) {
			t.Errorf("%s: %+v, %v", name, a, err)
		}
		if _, err := d.Client(r); !errors.Is(err, ErrUnknown) {
			t.Errorf("%s: metrics take the cookie: %v", name, err)
		}
	}
}

// use makes a request each six hours.
func (d *desk) use(t *testing.T, r *http.Request, times int) {
	t.Helper()
	for i := range times {
		d.now = d.now.Add(6 * time.Hour)
		if _, err := d.Person(r); err != nil {
			t.Fatalf("use %d: %v", i, err)
		}
	}
}

// withToken is the guard after a restart with a token.
func (d *desk) withToken(token string) *Guard {
	o := d.o
	o.Token = token
	return New(o)
}

func TestTheStoreKeepsNoSecretOfASession(t *testing.T) {
	d := newDesk(Options{Token: "t0ken", Tokens: []Token{{"ben", Read, "bbbb"}}, Secure: true})
	a, c, err := d.SignIn(request("192.0.2.7:1"), "bbbb", "Ana")
	if err != nil || a.Name != "ben" || a.Role != Read || !c.Secure {
		t.Errorf("signed in as %+v with %+v, %v", a, c, err)
	}
	for key, v := range d.kv.values {
		for _, secret := range []string{c.Value, "t0ken", "bbbb"} {
			if strings.Contains(key+string(v.Value), secret) {
				t.Errorf("the store has %s: %s", key, v.Value)
			}
		}
		if v.Expires != d.now.Add(12*time.Hour) {
			t.Errorf("expires at %v", v.Expires)
		}
	}
	d.kv.err = errors.New("the disk is gone")
	r := request("192.0.2.7:1")
	r.AddCookie(c)
	if _, err := d.Person(r); !errors.Is(err, d.kv.err) {
		t.Errorf("without a store: %v", err)
	}
}

func TestSignInsAreLimited(t *testing.T) {
	d := newDesk(Options{Token: "t0ken"})
	try := func(peer, token string) error {
		_, _, err := d.SignIn(request(peer), token, "")
		return err
	}
	var limit *LimitError
	for i := range peerFailures {
		if err := try("192.0.2.7:1", "guess"); !errors.Is(err, ErrWrong) {
			t.Errorf("guess %d: %v", i, err)
		}
	}
	if err := try("192.0.2.7:2", "t0ken"); !errors.As(err, &limit) || limit.Seconds() != 60 {
		t.Errorf("the right token after five wrong ones: %v", err)
	}
	if err := try("192.0.2.8:1", "t0ken"); err != nil {
		t.Errorf("another client: %v", err)
	}
	if _, err := d.Client(request("192.0.2.7:1", "Authorization", "Bearer t0ken")); err != nil {
		t.Errorf("its bearer token: %v", err)
	}
	for i := range allFailures - peerFailures {
		if err := try(netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i), 1}), 1).String(), "guess"); !errors.Is(err, ErrWrong) {
			t.Errorf("client %d: %v", i, err)
		}
	}
	if err := try("192.0.2.9:1", "t0ken"); !errors.As(err, &limit) {
		t.Errorf("after 30 failures of all: %v", err)
	}
	d.now = d.now.Add(signInWindow)
	if err := try("192.0.2.7:1", "t0ken"); err != nil {
		t.Errorf("a minute later: %v", err)
	}
}

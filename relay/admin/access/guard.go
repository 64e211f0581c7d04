package access

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"qaserelay/relay/store"
)

// KV keeps the sessions.
type KV interface {
	Get(ctx context.Context, key string) ([]byte, error)
	Swap(ctx context.Context, key string, old []byte, c store.Change) (bool, error)
}

// Options say who may come in. The zero value lets every client operate, for an address that only this machine reaches.
type Options struct {
	// Token is the one token of the relay, with the role operate, and Tokens are those of people.
	Token  string
	Tokens []Token
	// TokensFile is the file from which Tokens were read, which is read again when it changes; empty for none.
	TokensFile string
	// Header is the header by which a proxy names a person, who has HeaderRole; it counts if the peer is one of Proxies.
	Header     string
	Proxies    []netip.Prefix
	HeaderRole Role
	// Sessions keeps those of browsers. Without it there are no sessions.
	Sessions KV
	// Secure makes the cookies ones for https alone.
	Secure bool
	// Now is the time; nil means that of the machine.
	Now func() time.Time
	// Logger gets what is wrong with the file of tokens; nil logs nothing.
	Logger *slog.Logger
}

// HasToken reports whether there is a token.
func (o Options) HasToken() bool { return o.Token != "" || len(o.Tokens) > 0 }

// Check returns what is wrong with the options.
func (o Options) Check() error {
	switch {
	case o.Header != "" && len(o.Proxies) == 0:
		return errors.New("a header that names the user needs trusted proxies: any client could send it")
	case o.Header == "" && len(o.Proxies) > 0:
		return errors.New("trusted proxies need the header by which they name the user")
	case o.Header == "" && o.HeaderRole != "":
		return errors.New("the role of the users of a proxy needs the header by which it names them")
	}
	return nil
}

// Guard lets clients in. Its methods may be called from many goroutines.
type Guard struct {
	o       Options
	book    atomic.Pointer[tokenBook] // replaced as a whole
	file    tokensFile
	guessed *guessers
	signIns *signIns
}

// New returns the guard of an admin address.
func New(o Options) *Guard {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.HeaderRole == "" {
		o.HeaderRole = Read
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	g := &Guard{o: o, guessed: newGuessers(), signIns: newSignIns()}
	g.file.sum = sumOf(o.Tokens)
	g.setTokens(o.Tokens)
	return g
}

// setTokens lets people in with these tokens, and with no others but the one of the relay. The sessions that began with
// a token that is gone have ended.
func (g *Guard) setTokens(tokens []Token) {
	if g.o.Token != "" {
		tokens = append([]Token{{Role: Operate, Secret: g.o.Token}}, tokens...)
	}
	g.book.Store(newTokenBook(tokens))
}

// Why a client is not let in. Any other error is one of the sessions' store.
var (
	// ErrUnknown says that a request has no token and no session.
	ErrUnknown = errors.New("the bearer token is missing or wrong")
	// ErrWrong says that the token is wrong.
	ErrWrong = errors.New("the token is wrong")
)

// LimitError says that too many wrong tokens came.
type LimitError struct{ Wait time.Duration }

// Seconds returns how long to wait, rounded up.
func (e *LimitError) Seconds() int { return max(1, int((e.Wait+time.Second-1)/time.Second)) }

func (e *LimitError) Error() string {
	return fmt.Sprintf("too many wrong tokens; wait %d seconds", e.Seconds())
}

// SignsIn reports whether clients have to sign in.
func (g *Guard) SignsIn() bool { return len(g.book.Load().tokens) > 0 }

// AsksName reports whether a person who signs in gives a name, because there is a token without one.
func (g *Guard) AsksName() bool { return g.o.Token != "" }

// Client returns the actor of a request with a header of a trusted proxy, a bearer token or no need for one.
func (g *Guard) Client(r *http.Request) (Actor, error) {
	if a, named, err := g.fromProxy(r); named || err != nil {
		return a, err
	}
	if r.Header.Get("Authorization") != "" && g.SignsIn() {
		return g.bearer(r)
	}
	if !g.SignsIn() {
		return Actor{Name: Local, Role: Operate, How: Local, Peer: peerOf(r)}, nil
	}
	return Actor{}, ErrUnknown
}

// Person returns the actor of a request, as Client does, or by the session of a browser.
func (g *Guard) Person(r *http.Request) (Actor, error) {
	a, err := g.Client(r)
	if !errors.Is(err, ErrUnknown) || r.Header.Get("Authorization") != "" {
		return a, err
	}
	return g.fromSession(r)
}

// fromProxy returns the person whom a trusted proxy names. Where there is no token, a trusted proxy has to name one:
// else its clients would count as local.
func (g *Guard) fromProxy(r *http.Request) (a Actor, named bool, err error) {
	if g.o.Header == "" || !g.isProxy(r) {
		return Actor{}, false, nil
	}
	switch names := r.Header.Values(g.o.Header); {
	case len(names) == 1 && isName(names[0]):
		return Actor{Name: strings.TrimSpace(names[0]), Role: g.o.HeaderRole, How: ByHeader, Peer: peerOf(r)}, true, nil
	case len(names) == 0 && g.SignsIn():
		return Actor{}, false, nil
	}
	return Actor{}, false, ErrUnknown
}

func (g *Guard) isProxy(r *http.Request) bool {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	ip := peer.Addr().Unmap().WithZone("")
	for _, network := range g.o.Proxies {
		if network.Contains(ip) {
			return true
		}
	}
	return false
}

// bearer returns the owner of a bearer token, and slows down clients that try one after another.
func (g *Guard) bearer(r *http.Request) (Actor, error) {
	client := g.guessed.of(r.RemoteAddr)
	if client.Tokens() < 1 {
		return Actor{}, &LimitError{Wait: 5 * time.Second}
	}
	scheme, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	t, ok := g.book.Load().find(strings.TrimSpace(secret))
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		client.Allow()
		return Actor{}, ErrUnknown
	}
	return t.actor(r, ""), nil
}

// actor returns the owner of a token. Of one without a name that is the given name, or admin.
func (t Token) actor(r *http.Request, name string) Actor {
	a := Actor{Name: t.Name, Role: t.Role, How: ByToken, Peer: peerOf(r)}
	if a.Name == "" {
		a.Name = name
	}
	if a.Name == "" {
		a.Name = "admin"
	}
	return a
}

func peerOf(r *http.Request) string {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	return peer.Addr().Unmap().String()
}

// Stranger is the actor of a sign-in that failed, with the name that was given.
func Stranger(r *http.Request, name string) Actor {
	if !isName(name) {
		name = ""
	}
	return Actor{Name: name, How: ByToken, Peer: peerOf(r)}
}

package access

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"qaserelay/relay/store"
)

const (
	// idleTime ends a session that nobody uses, and longestSession one that is used.
	idleTime       = 12 * time.Hour
	longestSession = 7 * 24 * time.Hour
	// seenEvery is how often the use of a session is written down.
	seenEvery = 5 * time.Minute
	// sessionBytes is the length of the secret of a session.
	sessionBytes = 32
)

// session is what the store keeps of a signed-in browser, under the hash of its cookie.
type session struct {
	Name  string    `json:"name"`
	Token string    `json:"token"` // the hash of the token it began with; without that token it ends
	Made  time.Time `json:"made"`
	Seen  time.Time `json:"seen"`
}

func (s *session) end() time.Time {
	idle, last := s.Seen.Add(idleTime), s.Made.Add(longestSession)
	if idle.Before(last) {
		return idle
	}
	return last
}

func sessionKey(secret string) string {
	hash := sha256.Sum256([]byte(secret))
	return "session/" + hex.EncodeToString(hash[:])
}

// cookieName differs from that of a relay with other tokens, since all ports of a host share their cookies.
func (g *Guard) cookieName() string { return "qr-" + g.book.mark() }

// cookie returns the cookie of a session. It has no path: the browser takes the folder of the sign-in page, which is
// right under each prefix that a proxy may add.
func (g *Guard) cookie(secret string) *http.Cookie {
	return &http.Cookie{Name: g.cookieName(), Value: secret, HttpOnly: true, Secure: g.o.Secure,
		SameSite: http.SameSiteStrictMode}
}

// SignIn begins a session for the owner of a token, and returns its cookie. The name is that of a person with the token
// that has none. It returns ErrWrong for a wrong token, and a LimitError after too many.
func (g *Guard) SignIn(r *http.Request, token, name string) (Actor, *http.Cookie, error) {
	var found Token
	ok, wait := g.signIns.try(r.RemoteAddr, g.o.Now(), func() (ok bool) {
		found, ok = g.book.find(strings.TrimSpace(token))
		return ok
	})
	switch {
	case wait > 0:
		return Actor{}, nil, &LimitError{Wait: wait}
	case !ok:
		return Actor{}, nil, ErrWrong
	}
	if name = strings.TrimSpace(name); !isName(name) {
		name = ""
	}
	a, now, secret := found.actor(r, name), g.o.Now(), make([]byte, sessionBytes)
	_, _ = rand.Read(secret) // never fails
	text := base64.RawURLEncoding.EncodeToString(secret)
	hash := sha256.Sum256([]byte(found.Secret))
	s := session{Name: a.Name, Token: hex.EncodeToString(hash[:]), Made: now, Seen: now}
	if _, err := g.keep(r.Context(), sessionKey(text), nil, &s); err != nil {
		return Actor{}, nil, err
	}
	return a, g.cookie(text), nil
}

// keep writes a session, unless another request changed it meanwhile.
func (g *Guard) keep(ctx context.Context, key string, old []byte, s *session) (bool, error) {
	value, err := json.Marshal(s)
	if err != nil {
		return false, err
	}
	return g.o.Sessions.Swap(ctx, key, old, store.Change{Key: key, Value: value, Expires: s.end()})
}

// SignOut ends the session of a request, and returns a cookie that replaces its own.
func (g *Guard) SignOut(r *http.Request) (*http.Cookie, error) {
	gone := g.cookie("")
	gone.MaxAge = -1
	for _, secret := range g.secrets(r) {
		for {
			old, err := g.o.Sessions.Get(r.Context(), sessionKey(secret))
			if err != nil {
				return nil, err
			}
			if old == nil {
				break
			}
			done, err := g.o.Sessions.Swap(r.Context(), sessionKey(secret), old, store.Change{Key: sessionKey(secret)})
			if err != nil {
				return nil, err
			}
			if done {
				break
			}
		}
	}
	return gone, nil
}

// secrets returns the cookies of a request that may be a session's. There may be several, of several paths.
func (g *Guard) secrets(r *http.Request) (all []string) {
	if g.o.Sessions == nil || !g.SignsIn() {
		return nil
	}
	for _, c := range r.CookiesNamed(g.cookieName()) {
		if len(c.Value) == base64.RawURLEncoding.EncodedLen(sessionBytes) && len(all) < 4 {
			all = append(all, c.Value)
		}
	}
	return all
}

// fromSession returns the person of a session.
func (g *Guard) fromSession(r *http.Request) (Actor, error) {
	for _, secret := range g.secrets(r) {
		a, err := g.useSession(r, sessionKey(secret))
		if !errors.Is(err, ErrUnknown) {
			return a, err
		}
	}
	return Actor{}, ErrUnknown
}

// useSession returns the person of the session under a key.
func (g *Guard) useSession(r *http.Request, key string) (Actor, error) {
	value, err := g.o.Sessions.Get(r.Context(), key)
	if err != nil {
		return Actor{}, err
	}
	var s session
	if value == nil || json.Unmarshal(value, &s) != nil {
		return Actor{}, ErrUnknown
	}
	t, known := g.book.byHash(s.Token)
	now := g.o.Now()
	if !known || !now.Before(s.end()) {
		return Actor{}, ErrUnknown
	}
	if now.Sub(s.Seen) >= seenEvery {
		old := bytes.Clone(value)
		s.Seen = now
		_, _ = g.keep(r.Context(), key, old, &s) // the next request tries again
	}
	return t.actor(r, s.Name), nil
}

// Package access decides who may use the admin address, and what for: bearer tokens with roles, people whom a trusted
// proxy names, and the sessions of browsers. The API and the console share it.
package access

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"
	"unicode"
	"unicode/utf8"
)

// Role is what a client may do.
type Role string

// The roles. Read sees everything and changes nothing.
const (
	Read    Role = "read"
	Operate Role = "operate"
)

// ParseRole reads a role.
func ParseRole(text string) (Role, error) {
	if r := Role(text); r == Read || r == Operate {
		return r, nil
	}
	return "", fmt.Errorf("want the role %s or %s, not %.100q", Read, Operate, text)
}

// The ways in which an actor became known.
const (
	ByToken  = "token"  // a bearer token, or a session that began with one
	ByHeader = "header" // the header of a trusted proxy
	Local    = "local"  // a client of the loopback address, where no token is needed
	ByCLI    = "cli"    // a command that uses the store without a relay
)

// Actor is who asks.
type Actor struct {
	Name string // of the token or of the person; local without sign-in
	Role Role
	How  string // token, header, local or cli
	Peer string // the address of the socket's peer, without its port
	// Ends is when the session ends, unless it is used; zero without a session.
	Ends time.Time
}

// MayOperate reports whether the actor may change something.
func (a Actor) MayOperate() bool { return a.Role == Operate }

type contextKey struct{}

// With returns a context in which From finds the actor.
func With(ctx context.Context, a Actor) context.Context {
	return context.WithValue(ctx, contextKey{}, a)
}

// From returns the actor of a request, or the zero Actor outside of one.
func From(ctx context.Context) Actor {
	a, _ := ctx.Value(contextKey{}).(Actor)
	return a
}

// maxName bounds the name of an actor, in characters.
const maxName = 100

// isName reports whether a text can be the name of an actor: short, of printable characters, and not only of spaces.
func isName(text string) bool {
	if !utf8.ValidString(text) || utf8.RuneCountInString(text) > maxName {
		return false
	}
	visible := false
	for _, r := range text {
		if !unicode.IsPrint(r) {
			return false
		}
		visible = visible || r != ' '
	}
	return visible
}

// CheckAddress returns an error if other machines could reach addr, and there is no token.
func CheckAddress(addr string, hasToken bool) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("admin address %q: want HOST:PORT: %w", addr, err)
	}
	ip, err := netip.ParseAddr(host)
	if hasToken || host == "localhost" || err == nil && ip.Unmap().IsLoopback() {
		return nil
	}
	return fmt.Errorf("admin address %s can be reached by other machines: set a token (--admin-token or "+
		"--admin-tokens-file), or listen on 127.0.0.1", addr)
}

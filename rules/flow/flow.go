// Package flow names the slots of rules: kept keys that have something done at a time, such as a digest that leaves. It
// is pure.
package flow

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// Kind is what a slot is.
type Kind string

// The kinds of slots.
const (
	Throttle Kind = "t" // a window of which messages were held back
	Digest   Kind = "g" // an open digest, or messages that are held until a window of time opens
	Wait     Kind = "w" // a message that is sent unless something comes
	Feed     Kind = "f" // a source and project from which events are expected
	Summary  Kind = "s" // a summary at a time of day
	Event    Kind = "e" // events of one entity that wait to be decided
)

// Kinds lists the kinds of slots that rules decide about.
func Kinds() []Kind { return []Kind{Throttle, Digest, Wait, Feed, Summary} }

// Text names a kind for people and metrics.
func (k Kind) Text() string {
	switch k {
	case Throttle:
		return "throttle"
	case Digest:
		return "digest"
	case Wait:
		return "wait"
	case Feed:
		return "feed"
	case Summary:
		return "summary"
	case Event:
		return "event"
	}
	return "unknown"
}

// CatchesUp reports whether slots of this kind wait for what may have been missed while no relay was running: events
// that are sent again could still end them.
func (k Kind) CatchesUp() bool { return k == Wait || k == Feed }

const (
	prefix = "slot:" // as in package store, which is not imported
	dry    = "dry/"
	bad    = "bad/"
)

// Name identifies a slot.
type Name struct {
	Dry   bool // of a dry run
	Kind  Kind
	Owner string // the name of its rule, or for a feed and for events of the source
	Hash  string // of what tells it from others of its owner (see [Hash])
}

// Key returns the key of the slot.
func (n Name) Key() string {
	run := ""
	if n.Dry {
		run = dry
	}
	return prefix + run + string(n.Kind) + "/" + n.Owner + "/" + n.Hash
}

// Parse reads the key of a slot.
func Parse(key string) (n Name, ok bool) {
	rest, ok := strings.CutPrefix(key, prefix)
	if !ok {
		return n, false
	}
	rest, n.Dry = strings.CutPrefix(rest, dry)
	kind, rest, _ := strings.Cut(rest, "/")
	at := strings.LastIndexByte(rest, '/')
	if at < 0 || Kind(kind).Text() == "unknown" {
		return n, false
	}
	n.Kind, n.Owner, n.Hash = Kind(kind), rest[:at], rest[at+1:]
	return n, n.Owner != "" && n.Hash != ""
}

// BadKey returns the key under which a slot is kept that cannot be read, without a time.
func BadKey(key string) string {
	rest := strings.TrimPrefix(key, prefix)
	if rest, isDry := strings.CutPrefix(rest, dry); isDry {
		return prefix + dry + bad + rest
	}
	return prefix + bad + rest
}

// Hash returns a short text that stands for a list of texts.
func Hash(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		var size [8]byte
		for i := range size {
			size[i] = byte(len(p) >> (8 * i))
		}
		h.Write(size[:])
		h.Write([]byte(p))
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

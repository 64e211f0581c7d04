package store

import (
	"context"
	"time"
)

// lookKey is the key of the time of WithLook in a context.
type lookKey struct{}

// WithLook says how long the lists that are read with a context look for rows, all of them together. One that finds
// little then ends early. A time that was set before stays.
func WithLook(ctx context.Context, most time.Duration) context.Context {
	if _, known := ctx.Value(lookKey{}).(time.Time); known {
		return ctx
	}
	return context.WithValue(ctx, lookKey{}, time.Now().Add(most))
}

// LookEnds returns when a list ends early that is read with a context and begins now: as WithLook says, or else after
// the usual time.
func LookEnds(ctx context.Context, usual time.Duration) time.Time {
	if at, known := ctx.Value(lookKey{}).(time.Time); known {
		return at
	}
	return time.Now().Add(usual)
}

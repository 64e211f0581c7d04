package store

import "context"

// nextKey is the key of the function of WithNext in a context.
type nextKey struct{}

// WithNext gives Accept a function that it may call as soon as another batch can be accepted beside this one. It may be
// called several times.
func WithNext(ctx context.Context, next func()) context.Context {
	return context.WithValue(ctx, nextKey{}, next)
}

// Next returns the function of WithNext, or one that does nothing.
func Next(ctx context.Context) func() {
	if next, given := ctx.Value(nextKey{}).(func()); given {
		return next
	}
	return func() {}
}

package storetest

import "qaserelay/relay/store"

// PutBig stores so many events of 10 KB in one call.
func (f *Fixture) PutBig(n int) {
	f.Helper()
	batch := make([]store.Event, n)
	for i := range batch {
		batch[i] = f.MakeEvent()
		batch[i].Body = append(batch[i].Body, make([]byte, 10_000)...)
	}
	_, err := f.Accept(f.Context(), batch, Planned(store.Plan{}))
	f.NoError(err)
}

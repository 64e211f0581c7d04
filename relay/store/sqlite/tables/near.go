package tables

// near and apart are the two kinds of deliveries. The ids of those that are made with an event are right behind that of
// the event (see [store.IDs.NextDelivery]), so the table has them in its order already. All others are in the index
// deliveries_apart: fallbacks, those that were made later or by an earlier release, and more of one event than it keeps
// ids for.
const (
	near  = "fallback_for IS NULL AND id - event_id BETWEEN 1 AND 15"
	apart = "(fallback_for IS NOT NULL OR id - event_id NOT BETWEEN 1 AND 15)"
)

// DeliveriesOf returns the deliveries of some events, as a table of a query. events is a query of their ids.
func DeliveriesOf(events string) string {
	return "(WITH e (event) AS (" + events + `)
		SELECT d.* FROM e CROSS JOIN deliveries d NOT INDEXED
			ON id BETWEEN event + 1 AND event + 15 AND event_id = event AND ` + near + `
		UNION ALL
		SELECT d.* FROM e CROSS JOIN deliveries d INDEXED BY deliveries_apart
			ON event_id = event AND ` + apart + ")"
}

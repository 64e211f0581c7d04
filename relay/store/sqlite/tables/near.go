package tables

// apart is the condition of the index deliveries_apart. The ids of most deliveries are right behind that of the event that
// they were made with (see [store.IDs.NextDelivery]), so the table has them side by side. All others are in the index:
// fallbacks, those that were made later or by an earlier release, and more of one event than it keeps ids for.
const apart = "(fallback_for IS NOT NULL OR id - event_id NOT BETWEEN 1 AND 15)"

// DeliveriesOf returns the deliveries of some events, as a table of a query. events is a query of their ids.
func DeliveriesOf(events string) string {
	return "(WITH e (event) AS (" + events + `)
		SELECT d.* FROM e CROSS JOIN deliveries d NOT INDEXED
			ON id BETWEEN event + 1 AND event + 15 AND event_id = event AND fallback_for IS NULL
		UNION ALL
		SELECT d.* FROM e CROSS JOIN deliveries d INDEXED BY deliveries_apart
			ON event_id = event AND ` + apart + ")"
}

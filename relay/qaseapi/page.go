package qaseapi

// page is a page of a list.
type page[T any] struct {
	entities []T // at most pageSize
	total    int // how many the project has
	filtered int // how many the question has
}

// readPage reads a page whose entities are read by read.
func readPage[T any](s stream, read func(stream) (T, error)) (p page[T], err error) {
	err = s.object(func(key string) error {
		switch key {
		case "total":
			return s.number(&p.total)
		case "filtered":
			return s.number(&p.filtered)
		case "entities":
			return s.list(func() error {
				one, err := read(s)
				if err == nil && len(p.entities) < pageSize {
					p.entities = append(p.entities, one)
				}
				return err
			})
		}
		return s.skip()
	})
	return p, err
}

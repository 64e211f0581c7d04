package console

import (
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"qaserelay/relay/console/frame"
	"qaserelay/relay/store"
)

// find sends a browser from the box in the header to what it names: the id of an event or delivery, the name of an
// event, or the code of a project that has sent events. Another word is looked for in events. Anything else, such as a
// Qase link or WEB run 7, is asked about.
func (c *Console) find(w http.ResponseWriter, r *http.Request) error {
	text := strings.TrimSpace(r.URL.Query().Get("q"))
	to := "events"
	if id, err := store.ParseID(text); err == nil {
		if to, err = c.findID(r, id); err != nil {
			return err
		}
	} else if strings.ContainsAny(text, " -/") {
		to = "why?" + url.Values{"q": {text}}.Encode()
	} else if eventName.MatchString(text) {
		to += "?" + url.Values{"event": {text}}.Encode()
	} else if text != "" {
		name, err := c.filterOf(r, text)
		if err != nil {
			return err
		}
		to += "?" + name.Encode()
	}
	w.Header().Set("Location", "./"+to)
	w.WriteHeader(http.StatusSeeOther)
	return nil
}

// eventName matches the names of events.
var eventName = regexp.MustCompile(`^[a-z_]+\.[a-z_]+$`)

// filterOf returns the filter of events that a word stands for: the project with this code, or the word.
func (c *Console) filterOf(r *http.Request, word string) (url.Values, error) {
	feeds, err := c.o.Desk.Feeds(r.Context())
	for _, f := range feeds {
		if f.Project != "" && strings.EqualFold(f.Project, word) {
			return url.Values{"project": {f.Project}}, err
		}
	}
	return url.Values{"q": {word}}, err
}

// findID returns the page of the event with an id, or of the event of the delivery with it.
func (c *Console) findID(r *http.Request, id store.ID) (to string, err error) {
	if _, err = c.o.Desk.Event(r.Context(), id); err == nil {
		return "events/" + id.String(), nil
	}
	if !errors.Is(err, store.ErrNotFound) {
		return "", err
	}
	d, err := c.o.Desk.Delivery(r.Context(), id)
	if errors.Is(err, store.ErrNotFound) {
		err = &frame.Problem{Status: http.StatusNotFound, Title: "Not found",
			Text: "No event and no delivery has the id " + id.String() + ". " + c.kept()}
	}
	return "events/" + d.EventID + "#" + d.ID, err
}

package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"

	"qaserelay/relay/store"
	"qaserelay/rules/diag"
)

func (s *server) status(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, s.Status())
}

// reload answers 422 with everything that is wrong with the rules, if they are.
func (s *server) reload(w http.ResponseWriter, _ *http.Request) {
	err := s.Reload()
	var problems diag.Problems
	switch {
	case err == nil:
		writeJSON(w, http.StatusOK, map[string]string{"status": "reloaded"})
	case errors.As(err, &problems):
		writeJSON(w, http.StatusUnprocessableEntity, struct {
			Error    string        `json:"error"`
			Problems diag.Problems `json:"problems"`
		}{"the rules were not loaded, the old ones stay in force: " + err.Error(), problems})
	default:
		writeError(w, http.StatusInternalServerError, "the rules were not loaded: "+err.Error())
	}
}

// fail answers for a store that could not do what was asked.
func (s *server) fail(w http.ResponseWriter, doing string, err error) {
	if errors.Is(err, store.ErrNotFound) {
		writeError(w, http.StatusNotFound, "there is none with this id")
		return
	}
	s.Logger.Error("the admin API could not answer", "doing", doing, "error", err)
	writeError(w, http.StatusServiceUnavailable, doing+" failed, the log says why")
}

func notFound(w http.ResponseWriter, _ *http.Request) {
	writeError(w, http.StatusNotFound, "there is nothing here; / lists what there is")
}

func methodNotAllowed(w http.ResponseWriter, r *http.Request) {
	allow := "GET, HEAD"
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		allow = http.MethodPost
	}
	w.Header().Set("Allow", allow)
	writeError(w, http.StatusMethodNotAllowed, "only "+allow+" is possible here")
}

func crossOrigin(w http.ResponseWriter, _ *http.Request) {
	writeError(w, http.StatusForbidden, "requests from other sites' pages are refused")
}

func writeError(w http.ResponseWriter, status int, message string) {
	writeJSON(w, status, map[string]string{"error": message})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	answer := encode(v)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(answer) // a client who is gone needs no answer
}

// encode writes v as JSON for people: < and > as they are. All that is encoded here can be.
func encode(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return []byte(`{"error":"the answer could not be encoded"}`)
	}
	return b.Bytes()
}

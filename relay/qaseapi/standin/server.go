package standin

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Server is the API. It is a handler, whose methods may be called from many goroutines.
type Server struct {
	mu       sync.Mutex
	world    World
	troubles []*Trouble
	asked    []string
	askedFor map[[2]string]int // how often the results of a run were asked for, by project and run
	mux      *http.ServeMux
}

// New returns an API with a world.
func New(w World) *Server {
	s := &Server{world: w, askedFor: map[[2]string]int{}, mux: http.NewServeMux()}
	for pattern, answer := range map[string]func(*Server, *http.Request) (any, int){
		"GET /v1/project":               (*Server).projects,
		"GET /v1/project/{code}":        (*Server).project,
		"GET /v1/run/{code}":            (*Server).runs,
		"GET /v1/run/{code}/{id}":       (*Server).run,
		"GET /v1/result/{code}":         (*Server).results,
		"GET /v1/case/{code}":           (*Server).cases,
		"GET /v1/case/{code}/{id}":      (*Server).oneCase,
		"GET /v1/suite/{code}":          (*Server).suites,
		"GET /v1/suite/{code}/{id}":     (*Server).suite,
		"GET /v1/plan/{code}/{id}":      (*Server).plan,
		"GET /v1/defect/{code}":         (*Server).defects,
		"GET /v1/defect/{code}/{id}":    (*Server).defect,
		"GET /v1/environment/{code}":    (*Server).environments,
		"GET /v1/custom_field":          (*Server).fields,
		"GET /v1/author/{id}":           (*Server).author,
		"GET /v1/user/{id}":             (*Server).user,
		"GET /v1/search":                (*Server).search,
		"GET /v1/milestone/{code}/{id}": (*Server).nothing,
		"GET /v1/review/{code}/{id}":    (*Server).nothing,
		"GET /v1/{anything...}":         (*Server).nothing,
		"POST /v1/{anything...}":        (*Server).refuseWrites,
		"PATCH /v1/{anything...}":       (*Server).refuseWrites,
		"DELETE /v1/{anything...}":      (*Server).refuseWrites,
	} {
		s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { s.answer(w, r, answer) })
	}
	return s
}

// Change changes the world.
func (s *Server) Change(change func(*World)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.world)
}

// Trouble replaces the troubles. Without any, all is well.
func (s *Server) Trouble(troubles ...Trouble) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.troubles = nil
	for _, t := range troubles {
		s.troubles = append(s.troubles, &t)
	}
}

// Asked returns how many requests had a path with this beginning.
func (s *Server) Asked(path string) (n int) {
	for _, one := range s.Requests() {
		if strings.HasPrefix(one, path) {
			n++
		}
	}
	return n
}

// Requests lists the paths of all requests, with their queries.
func (s *Server) Requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.asked)
}

// Forget forgets the requests so far.
func (s *Server) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = nil
}

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.asked = append(s.asked, r.URL.RequestURI())
	token, trouble := s.world.Token, s.next(r.URL.RequestURI())
	s.mu.Unlock()
	if trouble != nil && trouble.make(w, r) {
		return
	}
	if token != "" && r.Header.Get("Token") != token {
		refuse(w, http.StatusUnauthorized)
		return
	}
	s.mux.ServeHTTP(w, r)
}

// next returns the trouble of a request, or nil.
func (s *Server) next(path string) *Trouble {
	for i, t := range s.troubles {
		if !strings.HasPrefix(path, t.Path) {
			continue
		}
		if t.Times > 0 {
			if t.Times--; t.Times == 0 {
				s.troubles = slices.Delete(s.troubles, i, i+1)
			}
		}
		return t
	}
	return nil
}

// make makes the trouble, and reports whether it was the answer.
func (t *Trouble) make(w http.ResponseWriter, r *http.Request) bool {
	if t.Hold != nil {
		select {
		case <-t.Hold:
		case <-r.Context().Done():
			return true
		}
	}
	if t.Delay > 0 {
		select {
		case <-time.After(t.Delay):
		case <-r.Context().Done():
			return true
		}
	}
	switch {
	case t.RetryAfter != "":
		w.Header().Set("Retry-After", t.RetryAfter)
		refuse(w, max(t.Status, http.StatusTooManyRequests))
	case t.Status != 0:
		refuse(w, t.Status)
	case t.HangUp:
		panic(http.ErrAbortHandler)
	case t.Redirect != "":
		http.Redirect(w, r, t.Redirect+r.URL.RequestURI(), http.StatusFound)
	case t.Empty:
		w.WriteHeader(http.StatusOK)
	case t.Cut:
		_, _ = w.Write([]byte(`{"status": true, "result": {"total": 3, "entities": [{"id": 1, "ti`))
	case t.Body != "":
		_, _ = w.Write([]byte(t.Body))
	default:
		return false
	}
	return true
}

// refuse answers with an error of the API.
func refuse(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"status": false, "errorMessage": http.StatusText(status)})
}

// long is a result that writes itself, since it may be longer than what should be in memory.
type long func(w *bytes.Buffer, flush func())

// answer writes the result of a question.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, question func(*Server, *http.Request) (any, int)) {
	result, status := s.ask(r, question)
	if status != http.StatusOK {
		refuse(w, status)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	var b bytes.Buffer
	flush := func() { _, _ = w.Write(b.Bytes()); b.Reset() }
	b.WriteString(`{"status":true,"result":`)
	if writes, isLong := result.(long); isLong {
		writes(&b, flush)
	} else if err := json.NewEncoder(&b).Encode(result); err != nil {
		panic(err) // maps and lists can be encoded
	}
	b.WriteString("}")
	flush()
}

func (s *Server) ask(r *http.Request, question func(*Server, *http.Request) (any, int)) (any, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if code := r.PathValue("code"); code != "" {
		if p := s.find(code); p == nil {
			return nil, http.StatusNotFound
		} else if p.Hidden {
			return nil, http.StatusForbidden
		}
	}
	return question(s, r)
}

func (s *Server) find(code string) *Project {
	for _, p := range s.world.Projects {
		if p.Code == code {
			return p
		}
	}
	return nil
}

func (s *Server) nothing(*http.Request) (any, int) { return nil, http.StatusNotFound }

// refuseWrites answers a request that would change something: the relay only reads.
func (s *Server) refuseWrites(*http.Request) (any, int) { return nil, http.StatusForbidden }

package admin

import (
	_ "embed"
	"net/http"
)

// openAPI describes what this address answers. A test holds it to the routes.
//
//go:embed openapi.json
var openAPI []byte

func describe(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(openAPI) // a client who is gone needs no answer
}

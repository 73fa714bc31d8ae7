package api

import (
	_ "embed"
	"encoding/json"
	"net/http"
	"sync"

	"go.yaml.in/yaml/v3"
)

// openAPIText describes /api/v1 for programs (OpenAPI 3.1). A test holds it to the routes and to what they answer.
//
//go:embed openapi.yaml
var openAPIText []byte

// openAPIDocument is the same as JSON.
var openAPIDocument = sync.OnceValues(func() (json.RawMessage, error) {
	var doc map[string]any
	if err := yaml.Unmarshal(openAPIText, &doc); err != nil {
		return nil, err
	}
	return json.Marshal(doc)
})

func openAPI(w http.ResponseWriter, _ *http.Request) {
	doc, err := openAPIDocument()
	if err != nil {
		problem(w, problemDetails{Status: http.StatusInternalServerError, Detail: "the document cannot be read: " + err.Error()})
		return
	}
	ok(w, doc)
}

package admin

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// spec is openapi.json as a tree, with its schemas.
type spec struct {
	root     map[string]any
	compiler *jsonschema.Compiler
	mu       sync.Mutex // guards what follows
	schemas  map[string]*jsonschema.Schema
}

var theSpec = sync.OnceValues(func() (*spec, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(openAPI))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	root, _ := doc.(map[string]any)
	return &spec{root: root, compiler: c, schemas: map[string]*jsonschema.Schema{}}, c.AddResource("file:///openapi.json", doc)
})

// at returns what stands at a path of keys, with references followed, and the pointer to it.
func (s *spec) at(keys ...string) (v any, pointer string) {
	v = s.root
	for _, key := range keys {
		object, _ := v.(map[string]any)
		v = object[key]
		pointer += "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(key)
		next, _ := v.(map[string]any)
		if to, isReference := next["$ref"].(string); isReference {
			v, pointer = s.at(strings.Split(strings.TrimPrefix(to, "#/"), "/")...)
		}
	}
	return v, pointer
}

// check holds a value against the schema at a pointer.
func (s *spec) check(pointer string, value any) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	schema := s.schemas[pointer]
	if schema == nil {
		var err error
		if schema, err = s.compiler.Compile("file:///openapi.json#" + pointer); err != nil {
			return err
		}
		s.schemas[pointer] = schema
	}
	return schema.Validate(value)
}

// operations calls visit for each operation, by method and path.
func (s *spec) operations(visit func(method, path string, op map[string]any)) {
	paths, _ := s.root["paths"].(map[string]any)
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		methods, _ := paths[path].(map[string]any)
		for _, method := range slices.Sorted(maps.Keys(methods)) {
			op, _ := methods[method].(map[string]any)
			visit(method, path, op)
		}
	}
}

func openSpec(t *testing.T) *spec {
	t.Helper()
	s, err := theSpec()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestEachOperationHasAnIDATagAndExamples(t *testing.T) {
	s, ids, tags := openSpec(t), map[string]string{}, map[string]bool{}
	for _, tag := range s.root["tags"].([]any) {
		tags[tag.(map[string]any)["name"].(string)] = tag.(map[string]any)["description"] != nil
	}
	s.operations(func(method, path string, op map[string]any) {
		id, _ := op["operationId"].(string)
		if !regexp.MustCompile(`^[a-z][A-Za-z]+$`).MatchString(id) || ids[id] != "" {
			t.Errorf("%s %s: the operationId %q is not a name, or is that of %s", method, path, id, ids[id])
		}
		ids[id] = method + " " + path
		list, _ := op["tags"].([]any)
		if len(list) != 1 || !tags[fmt.Sprint(list...)] {
			t.Errorf("%s %s: the tags %v are not one that is described", method, path, list)
		}
		params, _ := op["parameters"].([]any)
		for _, p := range params {
			s.lintParameter(t, method+" "+path, p.(map[string]any))
		}
		if op["requestBody"] == nil {
			return
		}
		content, at := s.at("paths", path, method, "requestBody", "content", "application/json")
		example, has := content.(map[string]any)["example"]
		if err := s.check(at+"/schema", example); !has || err != nil {
			t.Errorf("%s %s: the example of the body: %v", method, path, err)
		}
	})
}

// lintParameter checks that a parameter has limits, and an example within them.
func (s *spec) lintParameter(t *testing.T, where string, p map[string]any) {
	t.Helper()
	schema, _ := p["schema"].(map[string]any)
	if p["description"] == nil || schema["type"] == nil {
		t.Errorf("%s: %v has no description or type", where, p["name"])
	}
	if schema["type"] == "integer" && (schema["minimum"] == nil || schema["maximum"] == nil) {
		t.Errorf("%s: the number %v has no limits", where, p["name"])
	}
	if p["example"] == nil {
		t.Errorf("%s: %v has no example", where, p["name"])
		return
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("file:///parameter.json", schema); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile("file:///parameter.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := compiled.Validate(p["example"]); err != nil {
		t.Errorf("%s: the example of %v: %v", where, p["name"], err)
	}
}

var reference = regexp.MustCompile(`"\$ref": *"([^"]*)"`)

func TestEachReferenceLeadsSomewhere(t *testing.T) {
	s := openSpec(t)
	used := map[string]bool{}
	for _, found := range reference.FindAllSubmatch(openAPI, -1) {
		to := string(found[1])
		used[to] = true
		if v, _ := s.at(strings.Split(strings.TrimPrefix(to, "#/"), "/")...); v == nil {
			t.Errorf("%s leads nowhere", to)
		}
	}
	components, _ := s.root["components"].(map[string]any)
	for _, kind := range []string{"responses", "schemas"} {
		for name := range components[kind].(map[string]any) {
			if !used["#/components/"+kind+"/"+name] {
				t.Errorf("%s %s is used nowhere", kind, name)
			}
		}
	}
}

// TestEachErrorOfAHandlerIsDescribed reads the handlers: which statuses do they, and the functions that they call, name?
// Those of the guard and of other sites' pages are added to all.
func TestEachErrorOfAHandlerIsDescribed(t *testing.T) {
	s, source := openSpec(t), readSource(t)
	seen := 0
	s.operations(func(method, path string, op map[string]any) {
		handler, found := source.routes[method+" "+path]
		if name, alone := handler.(*ast.Ident); alone {
			handler = &ast.CallExpr{Fun: name}
		}
		if !found {
			t.Errorf("%s %s: its handler was not found", method, path)
			return
		}
		wanted := map[string]bool{"421": true} // of checkName
		source.statuses(handler, wanted, map[string]bool{})
		security, hasSecurity := op["security"].([]any)
		if isOpen := hasSecurity && len(security) == 0; !isOpen {
			wanted["401"], wanted["429"] = true, true
			if path != "/metrics" {
				wanted["503"] = true // the session cannot be read
			}
		}
		if method != "get" {
			wanted["403"] = true
		}
		answers, _ := op["responses"].(map[string]any)
		for _, status := range slices.Sorted(maps.Keys(wanted)) {
			if _, described := answers[status]; !described {
				t.Errorf("%s %s can answer %s, which is not described", method, path, status)
			}
		}
		seen += len(wanted)
	})
	if seen < 200 {
		t.Errorf("only %d answers were found", seen)
	}
}

// source is the code of this package.
type source struct {
	funcs  map[string]*ast.FuncDecl
	routes map[string]ast.Expr // handlers, by method and path
}

func readSource(t *testing.T) source {
	t.Helper()
	s := source{map[string]*ast.FuncDecl{}, map[string]ast.Expr{}}
	names, err := fs.Glob(os.DirFS("."), "*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				s.funcs[n.Name.Name] = n
			case *ast.CallExpr:
				s.addRoute(n)
			}
			return true
		})
	}
	for _, names := range [][]string{{"/healthz", "/-/healthy"}, {"/readyz", "/-/ready"}} { // they stand in loops
		for _, path := range names {
			s.routes["get "+path] = ast.NewIdent(map[string]string{"/healthz": "healthy", "/readyz": "ready"}[names[0]])
		}
	}
	return s
}

// addRoute notes a call of get, post, or HandleFunc(…).Methods(…).
func (s source) addRoute(call *ast.CallExpr) {
	method, added := "", call
	switch f := call.Fun.(type) {
	case *ast.Ident:
		method = map[string]string{"get": "get", "post": "post"}[f.Name]
	case *ast.SelectorExpr:
		inner, ok := f.X.(*ast.CallExpr)
		verb, isVerb := call.Args, len(call.Args) == 1
		if !ok || f.Sel.Name != "Methods" || !isVerb {
			return
		}
		if chosen, ok := verb[0].(*ast.SelectorExpr); ok {
			method, added = strings.ToLower(strings.TrimPrefix(chosen.Sel.Name, "Method")), inner
		}
	}
	for i, arg := range added.Args {
		if text, ok := arg.(*ast.BasicLit); ok && method != "" && text.Kind == token.STRING && i+1 < len(added.Args) {
			path, _ := strconv.Unquote(text.Value)
			s.routes[method+" "+path] = added.Args[i+1]
		}
	}
}

// statuses adds the errors that an expression can answer by the functions of this package that it calls. answer,
// answerTrial and answerBacktest write what an error asks for: of theirs, only a failing store counts for all.
func (s source) statuses(n ast.Node, found map[string]bool, seen map[string]bool) {
	ast.Inspect(n, func(n ast.Node) bool {
		name := ""
		switch n := n.(type) {
		case *ast.SelectorExpr:
			if status, known := statusOf[n.Sel.Name]; known {
				found[status] = true
			}
			if of, ok := n.X.(*ast.Ident); ok && (of.Name == "s" || of.Name == "q") { // the server and the query
				name = n.Sel.Name
			}
		case *ast.CallExpr:
			if of, ok := n.Fun.(*ast.Ident); ok {
				name = of.Name
			}
		}
		f := s.funcs[name]
		switch {
		case f == nil || seen[name]:
		case name == "answer" || name == "answerTrial" || name == "answerBacktest":
			found["503"] = true
		default:
			seen[name] = true
			s.statuses(f.Body, found, seen)
		}
		return true
	})
}

var statusOf = map[string]string{"StatusBadRequest": "400", "StatusUnauthorized": "401", "StatusForbidden": "403",
	"StatusNotFound": "404", "StatusConflict": "409", "StatusRequestEntityTooLarge": "413",
	"StatusMisdirectedRequest": "421", "StatusUnprocessableEntity": "422", "StatusTooManyRequests": "429",
	"StatusInternalServerError": "500", "StatusServiceUnavailable": "503"}

// described holds each answer that the tests of this package get against the description.
func described(t *testing.T, next http.Handler) http.Handler {
	s := openSpec(t)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		kept := &recorder{ResponseWriter: w}
		next.ServeHTTP(kept, r)
		if problem := s.differs(r, kept); problem != "" {
			t.Errorf("openapi.json: %s %s: %s", r.Method, r.URL, problem)
		}
	})
}

// recorder keeps an answer.
type recorder struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	r.body.Write(b)
	return r.ResponseWriter.Write(b)
}

func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// differs returns how an answer differs from its description, or nothing. Paths and methods that are not there are not
// described.
func (s *spec) differs(r *http.Request, got *recorder) string {
	path, method := s.template(r.URL.EscapedPath()), strings.ToLower(r.Method)
	if op, _ := s.at("paths", path, method); op == nil || got.status == http.StatusMethodNotAllowed || got.status == 0 {
		return ""
	}
	status := strconv.Itoa(got.status)
	answer, at := s.at("paths", path, method, "responses", status)
	if answer == nil {
		return "the answer " + status + " is not described: " + got.body.String()
	}
	content, _ := answer.(map[string]any)["content"].(map[string]any)
	kind, _, _ := strings.Cut(got.Header().Get("Content-Type"), ";")
	media, known := content[kind].(map[string]any)
	if !known {
		return "the answer " + status + " is not described as " + kind
	}
	if kind != "application/json" || media["schema"] == nil {
		return ""
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(got.body.Bytes()))
	if err == nil {
		err = s.check(at+"/content/application~1json/schema", value)
	}
	if err != nil {
		return fmt.Sprintf("the answer %s: %v: %.2000s", status, err, got.body.String())
	}
	return ""
}

// template returns the described path of a request, or nothing.
func (s *spec) template(path string) string {
	best := ""
	s.operations(func(_, template string, _ map[string]any) {
		want, have := strings.Split(template, "/"), strings.Split(path, "/")
		if len(want) != len(have) {
			return
		}
		for i := range want {
			if want[i] != have[i] && !strings.HasPrefix(want[i], "{") {
				return
			}
		}
		if best == "" || strings.Count(template, "{") < strings.Count(best, "{") {
			best = template
		}
	})
	return best
}

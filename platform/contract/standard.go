package contract

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

//go:embed schema/odcs-3.1.0.schema.json
var standardSchema []byte

// standardURL is the schema's name inside the compiler; it is never fetched.
const standardURL = "https://llac-project.github.io/llac/odcs-3.1.0.schema.json"

// standard is the compiled JSON Schema of ODCS 3.1.0.
var standard = sync.OnceValues(func() (*jsonschema.Schema, error) {
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(standardSchema))
	if err != nil {
		return nil, err
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource(standardURL, document); err != nil {
		return nil, err
	}
	return compiler.Compile(standardURL)
})

// checkStandard checks the plain document against the ODCS schema.
func (d *document) checkStandard(plain any) error {
	schema, err := standard()
	if err != nil {
		return fmt.Errorf("compile the embedded ODCS schema: %w", err)
	}
	var failed *jsonschema.ValidationError
	if err := schema.Validate(plain); errors.As(err, &failed) {
		s := &standardProblems{document: d}
		s.walk(failed, "")
		s.finish()
	} else if err != nil {
		return fmt.Errorf("check against the ODCS schema: %w", err)
	}
	return nil
}

// standardProblems converts the validator's tree of failures into one problem per mistake. After a mistake inside an object
// the validator also reports all of that object's keys as unevaluated; those repetitions are omitted.
type standardProblems struct {
	document *document
	leaves   []leaf
	strays   []leaf // keys that no part of the standard evaluated
}

type leaf struct {
	location     []string
	fix, message string
}

func (s *standardProblems) walk(e *jsonschema.ValidationError, definition string) {
	at := e.InstanceLocation
	add := func(location []string, fix, format string, args ...any) {
		s.leaves = append(s.leaves, leaf{location, fix, fmt.Sprintf(format, args...)})
	}
	switch k := e.ErrorKind.(type) {
	case *kind.FalseSchema:
		s.strays = append(s.strays, leaf{location: at})
	case *kind.AdditionalProperties:
		for _, name := range k.Properties {
			s.strays = append(s.strays, leaf{location: append(slices.Clone(at), name)})
		}
	case *kind.Required:
		for _, name := range k.Missing {
			add(append(slices.Clone(at), name), "", "%s is missing", name)
		}
	case *kind.Enum:
		choices := make([]string, len(k.Want))
		for i, w := range k.Want {
			choices[i] = fmt.Sprint(w)
		}
		add(at, didYouMean(fmt.Sprint(k.Got), choices), "%q is not one of %s", fmt.Sprint(k.Got), strings.Join(choices, ", "))
	case *kind.Type:
		add(at, "", "is of type %s, must be %s", k.Got, strings.Join(k.Want, " or "))
	case *kind.Pattern:
		add(at, "", "%q does not match %s", k.Got, k.Want)
	case *kind.OneOf, *kind.AnyOf:
		s.alternatives(e, definition)
	case *kind.Reference:
		name := k.URL[strings.LastIndex(k.URL, "/")+1:]
		for _, cause := range e.Causes {
			s.walk(cause, name)
		}
	default:
		if len(e.Causes) == 0 {
			add(at, "see the Open Data Contract Standard 3.1", "violates the standard's rule %s", strings.Join(k.KeywordPath(), "/"))
		}
		for _, cause := range e.Causes {
			s.walk(cause, definition)
		}
	}
}

// alternatives reports a value that satisfies none, or too many, of the standard's alternatives.
func (s *standardProblems) alternatives(e *jsonschema.ValidationError, definition string) {
	at := e.InstanceLocation
	add := func(fix, message string) { s.leaves = append(s.leaves, leaf{at, fix, message}) }
	switch {
	case definition == "DataQualityOperators":
		add("write exactly one of mustBe, mustBeGreaterThan, mustBeGreaterOrEqualTo, mustBeLessThan, mustBeLessOrEqualTo, mustBeBetween",
			"a rule has exactly one bound")
		return
	case len(at) > 0 && at[len(at)-1] == "to":
		return // readReference reports it more clearly
	}
	// An alternative of another type is not the intended one.
	var intended []*jsonschema.ValidationError
	for _, cause := range e.Causes {
		if _, other := cause.ErrorKind.(*kind.Type); !other {
			intended = append(intended, cause)
		}
	}
	if len(intended) == 1 {
		s.walk(intended[0], definition)
		return
	}
	add("see the Open Data Contract Standard 3.1", "has none of the forms that the standard allows here")
}

// maxStrays limits the unknown keys that are reported: each costs a search, and a file of unknown keys only is not a
// contract.
const maxStrays = 200

func (s *standardProblems) finish() {
	s.strays = s.strays[:min(len(s.strays), maxStrays)]
	for _, stray := range s.strays {
		parent, name := stray.location[:len(stray.location)-1], stray.location[len(stray.location)-1]
		known := keysAt(parent)
		if slices.Contains(known, name) {
			if s.wrongWithin(parent) {
				continue // a repetition
			}
			s.leaves = append(s.leaves, leaf{stray.location, "", fmt.Sprintf("%s is not allowed here", name)})
			continue
		}
		s.leaves = append(s.leaves, leaf{stray.location, didYouMean(name, known), fmt.Sprintf("the standard has no %q here", name)})
	}
	for _, l := range s.leaves {
		here, parent := s.document.locate(l.location)
		if !here.exists() {
			s.document.reportAt(parent, here.path, l.fix, "%s", l.message)
			continue
		}
		if here.key != nil && strings.HasPrefix(l.message, "the standard has no") {
			here = node{yaml: here.key, path: here.path}
		}
		s.document.report(here, l.fix, "%s", l.message)
	}
}

// wrongWithin reports whether the object at this position, or anything below it, has another mistake.
func (s *standardProblems) wrongWithin(parent []string) bool {
	for _, l := range s.leaves {
		if len(l.location) >= len(parent) && slices.Equal(l.location[:len(parent)], parent) {
			return true
		}
	}
	for _, l := range s.strays {
		if len(l.location) > len(parent) && slices.Equal(l.location[:len(parent)], parent) &&
			!slices.Contains(keysAt(l.location[:len(l.location)-1]), l.location[len(l.location)-1]) {
			return true
		}
	}
	return false
}

// locate returns the node of an instance location, and the nearest existing node above it.
func (d *document) locate(location []string) (here, parent node) {
	here, parent = d.root, d.root
	for _, token := range location {
		parent = here
		if here.isSequence() {
			i, err := strconv.Atoi(token)
			if items := here.items(); err == nil && i >= 0 && i < len(items) {
				here = items[i]
				continue
			}
			return node{}, parent
		}
		here = here.get(token)
		if !here.exists() {
			return here, parent
		}
	}
	return here, parent
}

// standardKeys returns the keys that the standard defines, by definition.
var standardKeys = sync.OnceValue(func() map[string][]string {
	var schema struct {
		Properties map[string]json.RawMessage `json:"properties"`
		Defs       map[string]json.RawMessage `json:"$defs"`
	}
	if err := json.Unmarshal(standardSchema, &schema); err != nil {
		return nil // standard() reports it
	}
	keys := map[string][]string{}
	for name := range schema.Properties {
		keys[""] = append(keys[""], name)
	}
	for definition, raw := range schema.Defs {
		collectKeys(raw, func(name string) { keys[definition] = append(keys[definition], name) })
	}
	for _, list := range keys {
		slices.Sort(list)
	}
	return keys
})

// collectKeys calls yield for each property of an object definition and of its alternatives.
func collectKeys(raw json.RawMessage, yield func(string)) {
	var object map[string]json.RawMessage
	if json.Unmarshal(raw, &object) != nil {
		return
	}
	var properties map[string]json.RawMessage
	if json.Unmarshal(object["properties"], &properties) == nil {
		for name := range properties {
			yield(name)
		}
	}
	for _, keyword := range []string{"allOf", "oneOf", "anyOf"} {
		var list []json.RawMessage
		if json.Unmarshal(object[keyword], &list) == nil {
			for _, sub := range list {
				collectKeys(sub, yield)
			}
		}
	}
	if then := object["then"]; then != nil {
		collectKeys(then, yield)
	}
}

// keysAt returns the keys that the standard allows in the object at an instance location.
func keysAt(location []string) []string {
	names := slices.DeleteFunc(slices.Clone(location), func(s string) bool { _, err := strconv.Atoi(s); return err == nil })
	keys := standardKeys()
	if len(names) == 0 {
		return keys[""]
	}
	var definitions []string
	switch names[len(names)-1] {
	case "servers":
		definitions = []string{"Server", "ApiServer"}
	case "schema":
		definitions = []string{"SchemaElement", "SchemaObject"}
	case "properties", "items":
		definitions = []string{"SchemaElement", "SchemaBaseProperty"}
	case "quality":
		definitions = []string{"DataQuality", "DataQualityLibrary", "DataQualityOperators", "DataQualitySql", "DataQualityCustom"}
	case "relationships":
		definitions = []string{"RelationshipBase"}
	case "customProperties":
		definitions = []string{"CustomProperty"}
	case "slaProperties":
		definitions = []string{"ServiceLevelAgreementProperty"}
	case "team":
		definitions = []string{"Team"}
	case "logicalTypeOptions":
		return []string{"minLength", "maxLength", "pattern", "format", "minimum", "maximum"}
	case "description":
		return []string{"usage", "purpose", "limitations", "authoritativeDefinitions", "customProperties"}
	}
	var out []string
	for _, definition := range definitions {
		out = append(out, keys[definition]...)
	}
	if names[len(names)-1] == "servers" {
		out = append(out, "location")
	}
	slices.Sort(out)
	return slices.Compact(out)
}

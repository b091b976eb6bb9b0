package catalogue

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/glue/types"
)

// View is the query of a public table.
type View struct {
	Snapshot string       `json:"-"`
	SQL      string       `json:"originalSql"`
	Catalog  string       `json:"catalog"`
	Schema   string       `json:"schema"`
	Columns  []ViewColumn `json:"columns"`
}

// ViewColumn is one column of a view. Its type is Trino's name of it.
type ViewColumn struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// Athena stores a view like Trino's Hive connector: the query and its columns, as JSON in base64, between these texts.
const (
	viewBegins = "/* Presto View: "
	viewEnds   = " */"
)

func (v View) encode() string {
	text, err := json.Marshal(v)
	if err != nil {
		panic("catalogue: encode a view: " + err.Error()) // cannot happen: a struct of strings
	}
	return viewBegins + base64.StdEncoding.EncodeToString(text) + viewEnds
}

// ReadView decodes a public table as Athena does.
func ReadView(t types.Table) (View, error) {
	var v View
	body, begins := strings.CutPrefix(text(t.ViewOriginalText), viewBegins)
	body, ends := strings.CutSuffix(body, viewEnds)
	if text(t.TableType) != "VIRTUAL_VIEW" || t.Parameters["presto_view"] != "true" || !begins || !ends {
		return v, fmt.Errorf("table %s is not a view of Athena", text(t.Name))
	}
	raw, err := base64.StdEncoding.DecodeString(body)
	if err == nil {
		err = json.Unmarshal(raw, &v)
	}
	if err != nil {
		return v, fmt.Errorf("table %s is not a view of Athena: %w", text(t.Name), err)
	}
	_, name, _ := strings.Cut(v.SQL, "\".\"")
	if _, snapshot, ok := strings.Cut(strings.TrimSuffix(name, `"`), "__"); ok {
		v.Snapshot = strings.ToUpper(snapshot)
	}
	return v, nil
}

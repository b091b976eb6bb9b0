package odcs

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"go.yaml.in/yaml/v3"

	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/contract/arrowschema"
	"github.com/llac-project/llac/platform/lake"
)

// ServerName is the name of the server that a complete contract has.
const ServerName = "published"

// Publication is what a complete contract describes besides the contract.
type Publication struct {
	Path         string // of the files, with *, from the folder of the contract's file
	Snapshot     string
	SourceSystem string
	Files        *arrow.Schema // the columns inside the files
}

// PathOf returns the paths of a dataset's files below the folder that has its complete contract.
func PathOf(c *contract.Contract) string {
	path := c.Dataset
	for _, column := range c.Partition {
		path += "/" + column + "=*"
	}
	return path + "/" + c.Dataset + ".parquet"
}

// Complete returns the complete contract of published files, as YAML. It fails if the files do not have the contract's
// columns.
func Complete(c *contract.Contract, p Publication) ([]byte, error) {
	raw, _, err := contract.Migrate(c.Dataset+contract.FileSuffix, c.Raw) // it may be pinned and have earlier forms
	if err != nil {
		return nil, fmt.Errorf("complete the contract of %s: %w", c.Dataset, err)
	}
	var document yaml.Node
	if err := yaml.Unmarshal(raw, &document); err != nil {
		return nil, fmt.Errorf("complete the contract of %s: %w", c.Dataset, err)
	}
	root := document.Content[0]
	set(root, "servers", servers(c, p))
	properties := value(value(root, "schema").Content[0], "properties")
	for _, property := range properties.Content {
		f := c.Field(value(property, "name").Value)
		if err := inFiles(c, *f, p.Files); err != nil {
			return nil, err
		}
		setAfter(property, "logicalType", "physicalType", text(physicalType(arrowschema.DataType(*f))))
	}
	for _, f := range p.Files.Fields() {
		if c.Field(f.Name) == nil {
			properties.Content = append(properties.Content, lineage(f))
		}
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Written by llac datasets export: the contract of %s %s, with every column of its files.\n", c.Dataset, c.Version)
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(&document); err != nil {
		return nil, fmt.Errorf("complete the contract of %s: %w", c.Dataset, err)
	}
	return b.Bytes(), e.Close()
}

// inFiles returns an error if the files do not have a column of the contract in its type.
func inFiles(c *contract.Contract, f contract.Field, files *arrow.Schema) error {
	if slices.Contains(c.Partition, f.Name) {
		return nil // in the path
	}
	found, ok := files.FieldsByName(f.Name)
	switch want := arrowschema.DataType(f); {
	case !ok:
		return fmt.Errorf("the files of %s do not have the contract's column %s", c.Dataset, f.Name)
	case !arrow.TypeEqual(found[0].Type, want):
		return fmt.Errorf("column %s of the files of %s has the type %s, and the contract's is %s", f.Name, c.Dataset, found[0].Type, want)
	}
	return nil
}

// servers returns the list of servers: the published files alone. The portal, from which the contract's own server fetches,
// does not have them.
func servers(c *contract.Contract, p Publication) *yaml.Node {
	description := "Snapshot " + p.Snapshot + " of " + c.Title + "."
	if lake.Origin(p.SourceSystem).Simulated() {
		description += " The data are simulated." // invariant 11
	}
	property := func(name, v string) *yaml.Node { return mapping("property", text(name), "value", text(v)) }
	return sequence(mapping("server", text(ServerName), "type", text("local"), "path", text(p.Path), "format", text("parquet"),
		"description", text(description), "customProperties", sequence(property("llacSnapshot", p.Snapshot),
			property("llacContract", c.SHA256), property("llacSourceSystem", p.SourceSystem))))
}

// lineage returns the property of a column that Llac adds to every table.
func lineage(f arrow.Field) *yaml.Node {
	description := "Lineage of the row, as the version of Llac that staged it recorded it."
	at := slices.IndexFunc(arrowschema.LineageColumns, func(l arrowschema.Lineage) bool { return l.Name == f.Name })
	if at >= 0 {
		description = arrowschema.LineageColumns[at].Description
	}
	n := mapping("name", text(f.Name), "logicalType", text(logicalType(f.Type)), "physicalType", text(physicalType(f.Type)))
	if !f.Nullable {
		set(n, "required", &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: "true"})
	}
	set(n, "description", text(description))
	return n
}

// logicalType returns the standard's type of a column of a file.
func logicalType(t arrow.DataType) string {
	switch t.ID() {
	case arrow.INT64, arrow.INT32:
		return "integer"
	case arrow.FLOAT64, arrow.DECIMAL128:
		return "number"
	case arrow.BOOL:
		return "boolean"
	case arrow.DATE32:
		return "date"
	case arrow.TIMESTAMP:
		return "timestamp"
	}
	return "string"
}

// physicalType returns the type of a column of a file in the words of SQL, as tools of the standard expect it.
func physicalType(t arrow.DataType) string {
	switch t.ID() {
	case arrow.INT64:
		return "BIGINT"
	case arrow.INT32:
		return "INTEGER"
	case arrow.FLOAT64:
		return "DOUBLE"
	case arrow.DECIMAL128:
		d := t.(*arrow.Decimal128Type)
		return fmt.Sprintf("DECIMAL(%d, %d)", d.Precision, d.Scale)
	case arrow.BOOL:
		return "BOOLEAN"
	case arrow.DATE32:
		return "DATE"
	case arrow.TIMESTAMP:
		return "TIMESTAMP"
	}
	return "VARCHAR"
}

func text(s string) *yaml.Node {
	n := &yaml.Node{}
	n.SetString(strings.TrimSpace(s))
	return n
}

func sequence(items ...*yaml.Node) *yaml.Node {
	return &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Content: items}
}

// mapping returns a mapping of keys and values in turn.
func mapping(pairs ...any) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	for i := 0; i < len(pairs); i += 2 {
		n.Content = append(n.Content, text(pairs[i].(string)), pairs[i+1].(*yaml.Node))
	}
	return n
}

// value returns the value of a key of a mapping, or nil.
func value(n *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

// set sets a key of a mapping.
func set(n *yaml.Node, key string, v *yaml.Node) {
	if there := value(n, key); there != nil {
		*there = *v
		return
	}
	n.Content = append(n.Content, text(key), v)
}

// setAfter sets a key of a mapping; a new key comes after another.
func setAfter(n *yaml.Node, after, key string, v *yaml.Node) {
	if value(n, key) == nil {
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == after {
				n.Content = slices.Insert(n.Content, i+2, text(key), v)
				return
			}
		}
	}
	set(n, key, v)
}

// Package arrowschema derives Arrow schemas from dataset contracts: the columns of the staged and the quarantined Parquet
// files. The same contract gives the same schema, column for column (invariant 6).
package arrowschema

import (
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/llac-project/llac/platform/contract"
)

// Lineage is one lineage column of staging.
type Lineage struct {
	Name        string
	Type        contract.Type
	Nullable    bool
	Description string
}

// LineageColumns follow a contract's own columns in every staged file, in this order. The descriptions are part of published
// files.
//
// With correlation_id, source_page and source_row lead to the record: the run's landing manifest lists the pages, with the
// digest, the address and the time of each.
var LineageColumns = []Lineage{
	{Name: "source_system", Type: contract.Text, Description: "Host of the portal the row came from, or \"simulator\"."},
	{Name: "source_dataset_id", Type: contract.Text, Description: "The dataset's id at the portal."},
	{Name: "source_updated_at", Type: contract.Text, Nullable: true,
		Description: "When the source says it was last updated, in its own words."},
	{Name: "data_origin", Type: contract.Text,
		Description: "\"published\" by a real portal; from a simulator, \"recorded\" (a real fact, carried) or \"invented\"."},
	{Name: "ingested_process_at", Type: contract.Text, Description: "The run's slot in UTC, as in the object keys: 20250803T140512."},
	{Name: "correlation_id", Type: contract.Text, Description: "Id of the run that staged the row."},
	{Name: "source_page", Type: contract.Integer, Description: "Position in the run's landing manifest of the page with the row, from 0."},
	{Name: "source_row", Type: contract.Integer,
		Description: "Position of the record in that page, from 0; in a cube, of the row's first cell."},
	{Name: "refused_cells", Type: contract.Integer,
		Description: "Number of columns that are null because the source's value is invalid; the quarantine has the values."},
	{Name: "is_repaired", Type: contract.Boolean,
		Description: "Whether a value was repaired by a rule of the contract; the quarantine has the original."},
}

// descriptionKey is the field metadata key of the description.
const descriptionKey = "description"

// Schema returns the schema of a contract's staged Parquet files: its staged columns in the contract's order without the
// partition columns (Hive keeps those in the path), then the lineage columns.
func Schema(c *contract.Contract) *arrow.Schema {
	var fields []arrow.Field
	for _, f := range InFiles(c) {
		fields = append(fields, arrow.Field{
			Name: f.Name, Type: DataType(f), Nullable: !f.Required && (f.Default == nil || f.Invalid == contract.RefuseCell),
			Metadata: arrow.NewMetadata([]string{descriptionKey}, []string{f.Description}),
		})
	}
	return arrow.NewSchema(fields, nil)
}

// Columns returns the contract's fields that become columns inside the files, in order.
func Columns(c *contract.Contract) []contract.Field {
	var out []contract.Field
	for _, f := range c.Fields {
		// Invariant 8: personal fields never enter staging, whatever else the contract states.
		if f.Staged && !f.Personal() && !slices.Contains(c.Partition, f.Name) {
			out = append(out, f)
		}
	}
	return out
}

// InFiles returns the columns of a contract's staged files in order: the contract's own, then the lineage columns.
func InFiles(c *contract.Contract) []contract.Field {
	out := Columns(c)
	for _, l := range LineageColumns {
		out = append(out, contract.Field{Name: l.Name, Type: l.Type, Required: !l.Nullable, Description: l.Description})
	}
	return out
}

// InPath returns the columns that exist only in a staged file's path, in the contract's order. In a table they follow the
// columns of the files.
func InPath(c *contract.Contract) []contract.Field {
	var out []contract.Field
	for _, name := range c.Partition {
		f := contract.Field{Name: name, Type: contract.Text}
		if named := c.Field(name); named != nil {
			f = *named
		}
		out = append(out, f)
	}
	return out
}

// DataType returns the Arrow type of a field.
func DataType(f contract.Field) arrow.DataType {
	switch f.Type {
	case contract.Integer:
		return arrow.PrimitiveTypes.Int64
	case contract.Number:
		return arrow.PrimitiveTypes.Float64
	case contract.Decimal:
		return &arrow.Decimal128Type{Precision: int32(f.Precision), Scale: int32(f.Scale)}
	case contract.Boolean:
		return arrow.FixedWidthTypes.Boolean
	case contract.Date:
		return arrow.FixedWidthTypes.Date32
	case contract.Timestamp:
		return &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}
	default: // Text, and JSON kept as its text
		return arrow.BinaryTypes.String
	}
}

// QuarantineSchema returns the schema of every quarantine file: the position in landing of what was refused or repaired, the
// reason, and the row's public fields. The descriptions are part of the files.
func QuarantineSchema() *arrow.Schema {
	text, number := arrow.BinaryTypes.String, arrow.PrimitiveTypes.Int64
	column := func(name string, t arrow.DataType, nullable bool, description string) arrow.Field {
		return arrow.Field{Name: name, Type: t, Nullable: nullable,
			Metadata: arrow.NewMetadata([]string{descriptionKey}, []string{description})}
	}
	return arrow.NewSchema([]arrow.Field{
		column("source_page", number, false, "Position in the run's landing manifest of the page with the row, from 0."),
		column("source_row", number, false, "Position of the record in that page, from 0."),
		column("page_sha256", text, true, "SHA-256 of that page, lower-case hex; null where the page is a file that nobody has hashed."),
		column("byte_start", number, false, "First byte of the record in the page, from 0."),
		column("byte_end", number, false, "Byte after the record's last."),
		column("action", text, false, "What was done: row (the row is not staged), cell (the row is staged with null), "+
			"repair (the row is staged with another value) or warn (the row is staged as it is)."),
		column("field", text, true, "Column that the reason is about; null when it is the row as a whole."),
		column("code", text, false, "Reason, for counting."),
		column("message", text, false, "Reason, for a person."),
		column("source_value", text, true, "The field's value as the source sent it; null unless a public cell is refused or repaired."),
		column("row_json", text, true, "The row's public fields as JSON, as the source sent them."),
	}, nil)
}

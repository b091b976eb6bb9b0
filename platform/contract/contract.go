package contract

import (
	"time"

	"github.com/llac-project/llac/platform/cast"
	"github.com/llac-project/llac/platform/names"
	"github.com/llac-project/llac/platform/quality"
)

// Contract is one dataset's contract, decoded and checked. It is read-only after Parse.
type Contract struct {
	Dataset string // the dataset's name: [a-z][a-z0-9_]*, also the name of its prefixes in the lake
	SHA256  string // lower-case hex of Raw
	Raw     []byte // the file's bytes

	Version     string // the contract's own version, e.g. "1.0.0"
	Title       string
	Purpose     string
	Grain       string // what one row is, e.g. "One row per municipality."
	Owner       string
	Licence     string // name of the licence
	LicenceURL  string
	Attribution string // the text that must accompany the data

	Source    Source
	Fields    []Field  // in the file's order: this is the column order of staging
	Key       []string // column names, in key order; empty: rows have no key and are never duplicates
	Partition []string // column names of the hive partitions, in order; never inside the files
	Slicing   *Slicing // nil: the dataset is fetched whole

	KeyConflict KeyConflict
	Drift       Drift
	RawPages    RawPolicy // what happens to the raw pages after publication
	RowRules    []RowRule
	Quality     []quality.Rule
	SLA         SLA
	Retention   Retention
}

// Source describes where the data come from.
type Source struct {
	Kind     string            // name of a portal kind (package portals)
	BaseURL  string            // "https://analisi.transparenciacatalunya.cat"
	ID       string            // in the form of the portal kind
	PageSize int               // rows requested per page; 0: the portal kind's default
	Params   map[string]string // fixed filters, e.g. CONCEPT=POP
	// RecheckDays is after how many days the source is read in full although it reports no change.
	RecheckDays int
}

// Slicing divides a dataset into separate runs, one per value of a source parameter.
type Slicing struct {
	Column string   // the column that distinguishes the slices; also the first partition
	Param  string   // the source parameter that selects a slice, e.g. "YEAR"
	Values []string // the slices, e.g. ["2023", "2024"]
	Prefix string   // put before the value in the run id: "y" gives "20250803T140512-y2024"
}

// Type is a column's logical type.
type Type string

// The column types. Timestamps are UTC with microseconds; decimals have precision and scale.
const (
	Text      Type = "string"
	Integer   Type = "integer" // int64
	Number    Type = "number"  // float64
	Decimal   Type = "decimal"
	Boolean   Type = "boolean"
	Date      Type = "date"
	Timestamp Type = "timestamp"
	JSON      Type = "json" // nested value kept as its JSON text
)

// RefusedPart is what an invalid value of a column refuses.
type RefusedPart string

// The parts.
const (
	RefuseRow  RefusedPart = "row"  // the row is quarantined
	RefuseCell RefusedPart = "cell" // the row is staged with null, and the cell is counted and quarantined
)

// Field is one field of the source and, unless it is not staged, one column of staging.
type Field struct {
	Name        string // column name (dbt style)
	Source      string // name of the source's field
	Type        Type
	Description string
	Required    bool        // null or absent: the row is quarantined
	Invalid     RefusedPart // what an invalid value refuses
	Repair      Repair      // a second reading that a row rule may choose; "": none
	KeyPosition int         // 1-based position in the key; 0: not part of it

	// Classification is "public" (the default), "personal" or "internal". A personal field must not be
	// staged: it stays in landing and archive (invariant 8).
	Classification string
	Staged         bool // false: read (for drift) but never written

	// How the source's text becomes the value. Outer white space is always removed, inner white space is kept unless Squeeze
	// is set.
	NullLiterals []string          // texts that mean null besides the empty text, compared after trimming
	Squeeze      bool              // fold inner runs of white space to one space
	Format       string            // dates and timestamps: a Go layout derived from the contract's format; empty: the default
	Zone         string            // dates and timestamps: the time zone of times without an offset; empty: UTC
	PadLeft      int               // pad digits with zeros to this width: "1" -> "01"
	Default      *string           // value for null, e.g. district_id "00"
	Mapping      map[string]string // reference codes: source text -> value; a text that is not in it is an error
	Pattern      string            // RE2 that the whole value must match
	MinLength    *int              // in characters
	MaxLength    *int
	Minimum      *float64 // inclusive
	Maximum      *float64
	Precision    int           // decimals
	Scale        int           // decimals
	Rounding     cast.Rounding // decimals: of values with more decimals than Scale
	CheckDigit   string        // "idescat_municipality": the sixth digit of an Idescat code

	// CheckDigitExempt are values that the source uses although they have no check digit, e.g. "999998".
	CheckDigitExempt []string

	Reference *Reference // a column of another dataset's snapshot

	// Match: the source's text is a name by which the value is found in Reference's dataset; nil: no match.
	Match *Match

	// MethodOf and ConfidenceOf name the matched column whose match this column describes. Such a column has no Source.
	MethodOf     string
	ConfidenceOf string

	// FoldedOf and NaturalOf name the text column whose value this column holds folded or in natural form; see package names.
	// Such a column has no Source.
	FoldedOf  string
	NaturalOf string
}

// Derived reports whether the field follows from another field and is not read from the source.
func (f Field) Derived() bool { return f.MethodOf != "" || f.ConfidenceOf != "" || f.NameOf() != "" }

// NameOf returns the column whose value the field holds folded or in natural form; empty if it does neither.
func (f Field) NameOf() string { return f.FoldedOf + f.NaturalOf }

// WriteName returns a value of the column NameOf as this field holds it.
func (f Field) WriteName(name string) string {
	if f.NaturalOf != "" {
		return names.Natural(name)
	}
	return names.Fold(name)
}

// DecimalForm returns the form of the values of a decimal column.
func (f Field) DecimalForm() cast.DecimalForm {
	return cast.DecimalForm{Precision: f.Precision, Scale: f.Scale, Rounding: f.Rounding}
}

// Personal reports whether the field's values must not leave landing and archive.
func (f Field) Personal() bool { return f.Classification == "personal" }

// Reference names a column of another dataset.
type Reference struct {
	Dataset string
	Column  string
}

// Match describes by which name a row of the referenced dataset is found.
type Match struct {
	Name    string            // the referenced dataset's column that holds the names
	Aliases map[string]string // alternative names, and the names in the reference that they mean

	// Within is the column of this contract that names the group to search first. Group is the referenced dataset's column
	// with which it is compared, e.g. comarca_name. Both empty: the whole reference is one group.
	Within        string
	Group         string
	WithinAliases map[string]string

	// Earlier lists, by value of the referenced column, the groups to which its row belonged before, e.g. {"250557": [Segarra]}.
	Earlier map[string][]string

	Except []string // values of the referenced column that are never a result, e.g. "999998", not stated
}

// KeyConflict is the policy for rows that differ although they have the same key.
type KeyConflict string

// The key-conflict policies. Identical rows are duplicates under both.
const (
	QuarantineConflicts KeyConflict = "quarantine" // all rows of the key are quarantined, because it is unknown which is true
	LatestWins          KeyConflict = "latest"     // the last row in page order is kept, the others count as duplicates
)

// DriftPolicy is the effect of a kind of schema drift on a run.
type DriftPolicy string

// The drift policies.
const (
	DriftReject DriftPolicy = "reject" // the landing is rejected
	DriftReport DriftPolicy = "report" // the run continues and the drift is reported
)

// Drift is the contract's policy by kind of drift. A missing required field is always rejected.
type Drift struct {
	Added   DriftPolicy
	Missing DriftPolicy
	Retyped DriftPolicy
}

// RawPolicy is what happens to the raw pages after publication.
type RawPolicy string

// The raw policies.
const (
	RawArchive RawPolicy = "archive"
	RawDelete  RawPolicy = "delete" // the published data can be verified by hash, but not made again
)

// SLA holds how often the dataset is fetched and how old it may become.
type SLA struct {
	Cadence   string        // cron, five fields
	Timezone  string        // "Europe/Madrid"
	Freshness time.Duration // a dataset that was last published, or found unchanged, longer ago is stale
}

// Retention holds how long a superseded snapshot is kept.
type Retention struct {
	Superseded time.Duration
}

// Field returns the field of the named column, or nil.
func (c *Contract) Field(column string) *Field {
	for i := range c.Fields {
		if c.Fields[i].Name == column {
			return &c.Fields[i]
		}
	}
	return nil
}

// References returns the other datasets that the contract's columns reference, each once, in field order.
func (c *Contract) References() []string {
	var out []string
	seen := map[string]bool{}
	for _, f := range c.Fields {
		if f.Reference != nil && f.Reference.Dataset != c.Dataset && !seen[f.Reference.Dataset] {
			seen[f.Reference.Dataset] = true
			out = append(out, f.Reference.Dataset)
		}
	}
	return out
}

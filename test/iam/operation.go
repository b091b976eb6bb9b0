package iam

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"strings"
)

// Operation is one request to AWS, parsed.
type Operation struct {
	Role    string // the access key id of the requester
	Service string // as in an ARN: s3, sqs, sns, glue, ssm, sts
	Name    string // as in the SDK: PutObject
	// When distinguishes requests of one operation that need other actions: "versionId", "If-Match".
	When    string
	On      map[string][]string // ARNs by kind: object, bucket, queue, topic, catalog, database, table…
	Context map[string]string   // condition keys of the request: s3:prefix
}

func (o Operation) String() string {
	s := o.Service + " " + o.Name
	if o.When != "" {
		s += " with " + o.When
	}
	return s
}

// Account is the account and region of a request's resources.
type Account struct{ Region, ID string }

func (a Account) arn(service, resource string) string {
	return "arn:aws:" + service + ":" + a.Region + ":" + a.ID + ":" + resource
}

// credential is the access key id in a request's signature.
var credential = regexp.MustCompile(`^AWS4-HMAC-SHA256 Credential=([^/,]+)/`)

// maxBody bounds what is read of a request's body to parse it; bodies of objects are not read.
const maxBody = 16 << 20

// Read parses a request. The request's body can still be read afterwards.
func (a Account) Read(r *http.Request) (Operation, error) {
	o := Operation{On: map[string][]string{}, Context: map[string]string{}}
	if m := credential.FindStringSubmatch(r.Header.Get("Authorization")); m != nil {
		o.Role = m[1]
	}
	target := r.Header.Get("X-Amz-Target")
	switch {
	case target != "":
		body, err := peek(r)
		if err != nil {
			return o, err
		}
		return a.json(o, target, body)
	case r.Method == http.MethodPost && strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded"):
		body, err := peek(r)
		if err != nil {
			return o, err
		}
		return a.query(o, string(body))
	}
	return a.s3(o, r)
}

func peek(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil {
		return nil, fmt.Errorf("read a request: %w", err)
	}
	r.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(body), r.Body), r.Body}
	return body, nil
}

// query reads the protocol of SNS and STS.
func (a Account) query(o Operation, body string) (Operation, error) {
	form, err := url.ParseQuery(body)
	if err != nil {
		return o, fmt.Errorf("read a form: %w", err)
	}
	o.Service, o.Name = "sns", form.Get("Action")
	if o.Name == "GetCallerIdentity" {
		o.Service = "sts"
		return o, nil
	}
	if arn := form.Get("TopicArn"); arn != "" {
		o.On["topic"] = []string{arn}
	}
	return o, nil
}

// json reads the protocol of SQS, Glue and SSM.
func (a Account) json(o Operation, target string, body []byte) (Operation, error) {
	protocol, name, _ := strings.Cut(target, ".")
	o.Name = name
	var in struct {
		QueueURL   string `json:"QueueUrl"`
		QueueName  string
		SourceArn  string
		Dest       string `json:"DestinationArn"`
		Database   string `json:"DatabaseName"`
		Table      string `json:"TableName"`
		Name       string
		Names      []string
		Path       string
		TableInput struct{ Name string }
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return o, fmt.Errorf("read %s: %w", target, err)
	}
	switch protocol {
	case "AmazonSQS":
		o.Service = "sqs"
		if queue := first(path.Base(in.QueueURL), in.QueueName); queue != "" {
			o.On["queue"] = []string{a.arn("sqs", queue)}
		}
		if in.SourceArn != "" {
			o.On["queue"] = []string{in.SourceArn}
		}
		if in.Dest != "" {
			o.On["destination"] = []string{in.Dest}
		}
	case "AWSGlue":
		o.Service = "glue"
		o.On["catalog"] = []string{a.arn("glue", "catalog")}
		database, table := in.Database, first(in.Table, in.TableInput.Name)
		switch {
		case database == "": // GetDatabase names it so
			database = in.Name
		case table == "":
			table = in.Name
		}
		if database != "" {
			o.On["database"] = []string{a.arn("glue", "database/"+database)}
		}
		if table != "" {
			o.On["table"] = []string{a.arn("glue", "table/"+database+"/"+table)}
		}
	case "AmazonSSM":
		o.Service = "ssm"
		for _, n := range append(in.Names, in.Name, in.Path) {
			if n != "" {
				o.On["parameter"] = append(o.On["parameter"], a.arn("ssm", "parameter/"+strings.Trim(n, "/")))
			}
		}
	default:
		return o, fmt.Errorf("%s: unsupported protocol; add it to Account.json", target)
	}
	return o, nil
}

// first returns the first name that is not empty; path.Base returns "." for an empty one.
func first(names ...string) string {
	for _, n := range names {
		if n != "" && n != "." {
			return n
		}
	}
	return ""
}

// s3 reads a request by path: the operation is in its method, its query and its headers.
func (a Account) s3(o Operation, r *http.Request) (Operation, error) {
	o.Service = "s3"
	bucket, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	q := r.URL.Query()
	if bucket != "" {
		o.On["bucket"] = []string{"arn:aws:s3:::" + bucket}
	}
	if key != "" {
		o.On["object"] = []string{"arn:aws:s3:::" + bucket + "/" + key}
	}
	if key == "" {
		if q.Has("prefix") {
			o.Context["s3:prefix"] = q.Get("prefix")
		}
		return a.s3Bucket(o, r, bucket, q)
	}
	switch {
	case q.Has("versionId"):
		o.When = "versionId"
	case r.Header.Get("If-Match") != "":
		o.When = "If-Match"
	}
	switch {
	case q.Has("tagging") || q.Has("acl") || q.Has("retention") || q.Has("legal-hold") || q.Has("attributes") || q.Has("restore") ||
		q.Has("select"):
		return o, fmt.Errorf("%s %s: unsupported request; add it to Account.s3", r.Method, r.URL.RequestURI())
	case r.Method == http.MethodGet && q.Has("uploadId"):
		o.Name = "ListParts"
	case r.Method == http.MethodGet:
		o.Name = "GetObject"
	case r.Method == http.MethodHead:
		o.Name = "HeadObject"
	case r.Method == http.MethodPut && r.Header.Get("X-Amz-Copy-Source") != "":
		o.Name = "CopyObject"
		if q.Has("uploadId") {
			o.Name = "UploadPartCopy"
		}
		from, err := url.PathUnescape(strings.TrimPrefix(r.Header.Get("X-Amz-Copy-Source"), "/"))
		if err != nil {
			return o, fmt.Errorf("read the source of a copy: %w", err)
		}
		from, version, _ := strings.Cut(from, "?versionId=")
		o.On["source"] = []string{"arn:aws:s3:::" + from}
		if version != "" {
			o.When = "versionId"
		}
	case r.Method == http.MethodPut && q.Has("uploadId"):
		o.Name = "UploadPart"
	case r.Method == http.MethodPut:
		o.Name = "PutObject"
		if r.Header.Get("X-Amz-Tagging") != "" || r.Header.Get("X-Amz-Acl") != "" {
			return o, fmt.Errorf("PutObject with tags or an ACL: unsupported request; add it to Account.s3 and actions.json")
		}
	case r.Method == http.MethodPost && q.Has("uploads"):
		o.Name = "CreateMultipartUpload"
	case r.Method == http.MethodPost && q.Has("uploadId"):
		o.Name = "CompleteMultipartUpload"
	case r.Method == http.MethodDelete && q.Has("uploadId"):
		o.Name = "AbortMultipartUpload"
	case r.Method == http.MethodDelete:
		o.Name = "DeleteObject"
	default:
		return o, fmt.Errorf("%s %s: unsupported request; add it to Account.s3", r.Method, r.URL.RequestURI())
	}
	return o, nil
}

// s3Bucket reads a request that names no key.
func (a Account) s3Bucket(o Operation, r *http.Request, bucket string, q url.Values) (Operation, error) {
	switch {
	case bucket == "":
		o.Name = "ListBuckets"
	case r.Method == http.MethodHead:
		o.Name = "HeadBucket"
	case r.Method == http.MethodGet && q.Has("versions"):
		o.Name = "ListObjectVersions"
	case r.Method == http.MethodGet && q.Has("uploads"):
		o.Name = "ListMultipartUploads"
	case r.Method == http.MethodGet && q.Has("location"):
		o.Name = "GetBucketLocation"
	case r.Method == http.MethodGet && q.Get("list-type") == "2":
		o.Name = "ListObjectsV2"
	case r.Method == http.MethodPost && q.Has("delete"):
		o.Name = "DeleteObjects"
		body, err := peek(r)
		if err != nil {
			return o, err
		}
		var list struct {
			Object []struct{ Key, VersionId string }
		}
		if err := xml.Unmarshal(body, &list); err != nil {
			return o, fmt.Errorf("read DeleteObjects: %w", err)
		}
		for _, d := range list.Object {
			kind := "object"
			if d.VersionId != "" {
				kind = "version"
			}
			o.On[kind] = append(o.On[kind], "arn:aws:s3:::"+bucket+"/"+d.Key)
		}
	default:
		return o, fmt.Errorf("%s %s: unsupported request; add it to Account.s3Bucket", r.Method, r.URL.RequestURI())
	}
	return o, nil
}

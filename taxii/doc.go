// Package taxii shows collections of STIX objects as a TAXII 2.1 server does: its resources, what a client may ask of them, and the index that
// tells when each object came into a collection (docs/adr/0040). It knows neither HTTP routes nor queries: what is in a collection it learns from
// a Source, whose rows the caller's rights have passed.
//
//	service, err := taxii.New(taxii.Config{Store: store})
//	page, err := service.Page(ctx, source, filter)
//
// A source is the rows of one saved query as one user may see them. The index of it has, of each object, its id, its version, when it was added,
// and the row that it is made of; it holds no object. So what a page shows is read anew, with the rights of that moment.
package taxii

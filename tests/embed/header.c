extern int weir_header_test; /* -include puts the header in front; a unit needs a declaration */

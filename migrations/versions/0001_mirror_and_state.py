"""The mirror with its base twins, the sync facts beside it, and the daemon's own state."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TIME = sa.Text().with_variant(postgresql.TIMESTAMP(timezone=True), "postgresql")
_TYPES = {
    "int": sa.BigInteger(),
    "decimal": sa.Numeric().with_variant(sa.REAL(), "sqlite"),
    "text": sa.Text(),
    "flag": sa.Boolean(),
    "time": _TIME,
    "json": sa.Text().with_variant(postgresql.JSON(), "postgresql"),
    "small": sa.Integer(),
    "float": sa.Double(),
    "bytes": sa.LargeBinary(),
}
_WIDE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

# Column name and kind, in the order of the tables. Every table also gets what _record and _element add.
_RECORDS = {
    "companies": """
        id int, account_level int, affiliate_mode int, commission_model int, accounting_export_active flag,
        affiliates_active flag, api_active flag, company_disabled flag, only_sso_login flag, name text,
        company_additional_name text, email text, city text, zip text, address1 text, address2 text, country text,
        country_code text, phone text, comment text, created_at time, updated_at time
    """,
    "currency_rates": """
        currency text, date time, rate_to_eur decimal
    """,
    "licenses": """
        id int, name text, valid flag, created_at time, created_by_user_id int, company_id int, assignment int,
        tax_handling int, allow_play int, burn_play int, drm int, delete_on_clock_rollback flag,
        disable_on_clock_rollback flag, expire_after_first_use int, expire_after_first_use_mode int,
        expire_after_acquisition int, expire_after_acquisition_mode int, expiration_date time, total_downloads int,
        annual_downloads int, maximum_downloads int, total_concurrent_devices int, annual_concurrent_devices int,
        total_export int, annual_export int, physical flag, physical_weight decimal, physical_weight_type int, type
        int, export_mp3 flag, export_epub flag, export_pdf_print flag, export_package flag
    """,
    "prices": """
        id int, title text, valid flag, created_at time, modified_at time
    """,
    "categories": """
        id int, title text, comment text, enabled flag, parent_id int, position int, created_at time, updated_at
        time
    """,
    "theme_settings": """
        id int, company_id int, name text, domain text, enabled flag, shop_icon text, homepage_url text, shop_domain
        text, sub_domain text, vanity_domain text, access_domain text, theme_id int, sample_product_id int,
        sample_product_license_id int, affiliate_percentage int, affiliates_enabled flag, allow_anonymous_reviews
        flag, allow_reviews flag, shop_offline flag, newsletter_enabled flag, facebook_url text, twitter_url text,
        youtube_url text, meta_tag text, html_tag text, google_tracking_id text, google_ecommerce_enabled flag,
        updated_at time, theme_company_id int, theme_assignment int, theme_parent_theme_id int, theme_name text,
        theme_created_at time, theme_valid flag, theme_read_only flag
    """,
    "products": """
        id int, product_id text, title text, comment text, version text, created_at time, updated_at time,
        published_at time, release_date time, valid flag, product_type int, short_movie int, runtime int,
        attribute_set_id int, supplier int, items_in_stock int, owner_company_id int, allow_download_trial flag,
        pre_sales flag, drm_protected flag, manage_stock flag, hide_on_shop_catalog flag, template flag,
        generate_individual_codes flag, single_shop_item flag, linear_dvd flag, weight decimal, gtin text,
        scorm_certificate_id int, scorm_expiration int, access_group_date_relative int, generic_downloads int,
        generic_availability_days int, access_group_date_fixed time, generic_custom_url text, mirrored flag
    """,
    "customers": """
        id int, token text, email text, first_name text, last_name text, company text, address1 text, address2 text,
        zip text, city text, name text, phone text, language text, country text, country_name text, country_code
        text, province text, province_code text, default flag, title int, comment text, created_at time, updated_at
        time, orders_count int, total_spent int, note text, tags text, group_member_of json
    """,
    "orders": """
        id int, order_number text, email text, confirmed flag, notes text, status text, created_at time, updated_at
        time, theme_setting_id int, currency text, total_price int, exchange decimal, is_subscription flag,
        customer_id int, customer_token text, customer_email text, customer_first_name text, customer_last_name
        text, customer_company text
    """,
    "fulfillments": """
        id int, created_at time, company_id int, shipping_status int, shipping_model text, tracking_number text,
        customer_id int, customer_token text, customer_name text, customer_first_name text, customer_last_name text,
        customer_company text, customer_address1 text, customer_address2 text, customer_zip text, customer_city
        text, customer_country_name text, customer_country_code text, customer_province text, customer_province_code
        text
    """,
}

_ELEMENTS = {
    "license_locales": """
        id int, language_id int, name text, description text
    """,
    "price_currencies": """
        currency text, price int
    """,
    "price_countries": """
        country_code text, country_name text, price int
    """,
    "category_locales": """
        id int, language_id text, title text, description text, src text, seo_title text, seo_description text,
        seo_keywords text
    """,
    "theme_setting_locales": """
        id int, language_id int, shop_name text, shop_description text, offline_message text, seo_title text,
        seo_description text, seo_keywords text
    """,
    "product_locales": """
        id int, language_id text, title text, description text, version text, src text, product_url text, email_text
        text, seo_title text, seo_description text, seo_keywords text
    """,
    "product_categories": """
        id int, category_id int, created_at time
    """,
    "product_price_bindings": """
        license_id int, price_id int, hd flag, compare_price_id int, audio_type int, num_users int
    """,
    "product_images": """
        id int, src text, position int
    """,
    "product_chapters": """
        id int, position int, start_time int, title text
    """,
    "product_content_files": """
        id int, content_type int, valid flag, download_url text
    """,
    "customer_addresses": """
        id int, token text, first_name text, last_name text, company text, address1 text, address2 text, zip text,
        city text, name text, phone text, language text, country text, country_name text, country_code text,
        province text, province_code text, default flag
    """,
    "order_line_items": """
        id int, product_id text, license_id int, quantity int, hd flag, audio_type int, num_users int, title text,
        version text, code text, price int
    """,
    "fulfillment_line_items": """
        id int, product_id text, title text, version text, gtin text, quantity int, weight decimal
    """,
}

_KEYS = {"currency_rates": "currency", "customers": "token"}
# Indexes beyond (shop_id, key) of each record's table.
_INDEXED = {
    "orders": (("created_at",), ("shop_id", "customer_id")),
    "customers": (("shop_id", "id"),),
    "products": (("shop_id", "product_id"),),
    "fulfillments": (("shop_id", "customer_id"),),
}


def upgrade() -> None:
    """Each database gets its own part."""
    if op.get_context().opts["house"] == "mirror":
        for name, columns in _RECORDS.items():
            _record(name, columns)
        for name, columns in _ELEMENTS.items():
            _element(name, columns)
        _sync_facts()
    else:
        _state()


def _columns(text: str) -> list[sa.Column]:
    """Columns from `name kind` pairs; a kind with a `!` holds no NULL."""
    pairs = [pair.split() for pair in text.split(",")]
    return [sa.Column(name, _TYPES[kind.rstrip("!")], nullable=not kind.endswith("!")) for name, kind in pairs]


def _counted(name: str, *, always: bool = False) -> sa.Column:
    return sa.Column(name, _WIDE, sa.Identity(always=always), primary_key=True, autoincrement=True)


def _twin_id() -> sa.Column:
    return sa.Column("row_id", _WIDE, primary_key=True, autoincrement=False)


def _record(name: str, columns: str) -> None:
    """A resource's table, where every record is a row, and its twin."""
    op.create_table(
        name,
        _counted("row_id", always=True),
        *_columns(f"shop_id int!, {columns}, extra json, deleted_at time, synced_at time"),
        sqlite_autoincrement=True,
    )
    op.create_table(f"sync_base_{name}", _twin_id(), *_columns(f"shop_id int!, {columns}, extra json"))
    for indexed in (("shop_id", _KEYS.get(name, "id")), *_INDEXED.get(name, ())):
        op.create_index("_".join((name, *indexed)), name, list(indexed))


def _element(name: str, columns: str) -> None:
    """A child list's table, where every element is a row, and its twin."""
    for table, key in ((name, _counted("row_id", always=True)), (f"sync_base_{name}", _twin_id())):
        op.create_table(
            table,
            key,
            *_columns(f"shop_id int!, parent_row_id int!, ordinal small, {columns}, extra json"),
            sqlite_autoincrement=table == name,
        )
        op.create_index(f"{table}_parent", table, ["parent_row_id"])


def _keyed(name: str, keys: str, columns: str, **options: object) -> None:
    """A table whose rows have names instead of numbers."""
    primary = [sa.Column(column.name, column.type, primary_key=True, autoincrement=False) for column in _columns(keys)]
    op.create_table(name, *primary, *_columns(columns), **options)


def _sync_facts() -> None:
    op.create_table(
        "shops",
        _counted("id"),
        *_columns(
            """name text!, base_url text!, oauth_url text!, client_id text!, redirect_uri text!, scopes text!,
            company_id int, granted text!, state text!, reason text!, created_at time"""
        ),
        sa.UniqueConstraint("name"),
        sqlite_autoincrement=True,
    )
    op.create_index("shops_client_id_company_id", "shops", ["client_id", "company_id"], unique=True)
    _keyed(
        "sync_ledger",
        "shop_id int, resource text, key text",
        """row_id int!, as_of int!, list_print bytes, detail_print bytes, stamp time, compared_at time,
        missed small!, gone_at time""",
        sqlite_with_rowid=False,
    )
    op.create_index("sync_ledger_row", "sync_ledger", ["resource", "row_id"])
    op.create_table(
        "sync_hints",
        _counted("seq"),
        *_columns("shop_id int!, resource text!, key text, row_id int, source text!, left_at time, due_at time"),
        sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"),
        sqlite_autoincrement=True,
    )
    op.create_index("sync_hints_key", "sync_hints", ["shop_id", "resource", "key"])
    op.create_index("sync_hints_source", "sync_hints", ["shop_id", "source", "left_at"])
    _keyed(
        "sync_cursors",
        "shop_id int, resource text",
        """feed text, page small, started_at time, ticket int, resumed flag, low_stamp time, watermark time,
        filled_at time, walked_at time, looked_at time, audited_at time, remote_count int, pages_last small,
        surplus int!""",
    )
    _keyed("sync_capabilities", "shop_id int, resource text", "learned text!")
    _keyed(
        "sync_parked",
        "shop_id int, resource text, key text, path text",
        "reason text!, sample text!, first_at time!, last_at time!",
    )
    _keyed(
        "sync_brakes",
        "shop_id int, resource text",
        "reason text!, count int!, since time!, approved flag!",
    )


def _state() -> None:
    _keyed(
        "sync_buckets",
        "bucket text",
        "level float!, at float!, leak float!, size float!, leak_full float!, blocked_until float!, granted int!",
    )
    _keyed(
        "sync_calls",
        "shop_id int, hour int, job text, class text, word text",
        "calls int!, waited_s float!",
    )
    _keyed(
        "sync_tokens",
        "shop_id int",
        """generation int!, phase text!, access text!, refresh text!, issued_at time, expires_at time,
        started_at time, replayed flag!, reason text!""",
    )
    op.create_table(
        "sync_runs",
        _counted("seq"),
        *_columns(
            """shop_id int!, shop text!, job text!, resource text!, feed text!, outcome text!,
            started_at time!, ended_at time!, counts text!, message text!"""
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("sync_runs_shop", "sync_runs", ["shop_id", "seq"])
    _keyed("sync_due", "shop_id int, job text", "due_at time!")

"""The resources of a FlickRocket shop, described once (source: the API reference, sections 4.1 to 4.12).

Fields whose names the reference does not show in full (marks M and L there) are listed too: a shop that does not send
them leaves their columns NULL, and a shop that sends others has those kept in `extra`.
"""

from collections.abc import Iterable

from syncd.domain.resource import Access, Child, Field, Kind, Resource

_W, _C, _R = Access.WRITE, Access.CREATE, Access.READ


def _fields(kind: Kind, access: Access, names: str) -> tuple[Field, ...]:
    return tuple(Field(name, kind, access) for name in names.split())


def _int(names: str, access: Access = _W) -> tuple[Field, ...]:
    return _fields(Kind.INT, access, names)


def _text(names: str, access: Access = _W) -> tuple[Field, ...]:
    return _fields(Kind.TEXT, access, names)


def _flag(names: str, access: Access = _W) -> tuple[Field, ...]:
    return _fields(Kind.FLAG, access, names)


def _time(names: str, access: Access = _W) -> tuple[Field, ...]:
    return _fields(Kind.TIME, access, names)


def _decimal(names: str, access: Access = _W) -> tuple[Field, ...]:
    return _fields(Kind.DECIMAL, access, names)


def _inside(prefix: str, key: str, fields: Iterable[Field]) -> tuple[Field, ...]:
    """Flatten a nested object under `key` into columns `prefix_name`, read-only."""
    return tuple(Field(f"{prefix}_{f.name}", f.kind, Access.READ, path=(key, *f.wire_path)) for f in fields)


PRODUCTS = Resource(
    name="products",
    path="/api/products",
    path2="/api2/products",
    plural="products",
    singular="product",
    scope="products",
    stamp="updated_at",
    filters=("updated_at_min",),
    fields=(
        *_int("id", _R),
        *_text("product_id", _R),
        *_text("title comment version"),
        *_time("created_at updated_at", _R),
        *_time("published_at release_date"),
        *_flag("valid"),
        *_int("product_type", _C),
        *_int("short_movie runtime attribute_set_id supplier items_in_stock"),
        *_int("owner_company_id", _R),
        *_flag("allow_download_trial pre_sales drm_protected manage_stock hide_on_shop_catalog template"),
        *_flag("generate_individual_codes single_shop_item linear_dvd"),
        *_decimal("weight"),
        *_text("gtin"),
        *_int("scorm_certificate_id scorm_expiration access_group_date_relative"),
        *_int("generic_downloads generic_availability_days"),
        *_time("access_group_date_fixed"),
        *_text("generic_custom_url"),
        *_flag("mirrored", _R),
    ),
    children=(
        Child(
            "locales",
            "product_locales",
            (
                *_int("id", _R),
                *_text("language_id title description version src product_url email_text"),
                *_text("seo_title seo_description seo_keywords"),
            ),
            key=("language_id",),
            access=_W,
        ),
        Child(
            "categories",
            "product_categories",
            (*_int("id", _R), *_int("category_id"), *_time("created_at", _R)),
            key=("category_id",),
            access=_W,
        ),
        Child(
            "price_license_binding",
            "product_price_bindings",
            (*_int("license_id price_id"), *_flag("hd"), *_int("compare_price_id audio_type num_users")),
            key=("license_id", "price_id", "hd", "audio_type", "num_users"),
            access=_W,
        ),
        Child(
            "images",
            "product_images",
            (*_int("id", _R), *_text("src"), *_int("position")),
            key=("src",),
            access=_W,
        ),
        Child(
            "chapters",
            "product_chapters",
            (*_int("id", _R), *_int("position start_time"), *_text("title")),
            key=("position",),
            access=_W,
        ),
        Child(
            "content_files",
            "product_content_files",
            (*_int("id content_type", _R), *_flag("valid", _R), *_text("download_url", _R)),
            key=("id",),
        ),
    ),
    writable=True,
    creatable=True,
    deletable=True,
    create_path="/api2/products",
    business_key=("title",),
    after=("categories",),
)

ORDERS = Resource(
    name="orders",
    path="/api/orders",
    path2="/api2/orders",
    plural="orders",
    singular="order",
    scope="orders",
    stamp="updated_at",
    filters=("updated_at_min", "created_at_min"),
    fields=(
        *_int("id", _R),
        *_text("order_number email", _C),
        *_flag("confirmed"),
        *_text("notes status"),
        *_time("created_at updated_at", _R),
        *_int("theme_setting_id", _C),
        *_text("currency", _R),
        *_int("total_price", _R),
        *_decimal("exchange", _R),
        *_flag("is_subscription", _R),
        *_inside("customer", "customer", _int("id")),
        Field("customer_token", Kind.TEXT, _C, path=("customer", "token")),  # names the buyer of a new order
        *_inside("customer", "customer", _text("email first_name last_name company")),
    ),
    children=(
        Child(
            "line_items",
            "order_line_items",
            (
                *_int("id", _R),
                Field("product_id", Kind.TEXT, _C),
                *_int("license_id", _C),
                Field("quantity", Kind.INT, _C, aliases=("Quantity",)),
                *_flag("hd", _C),
                *_int("audio_type num_users", _C),
                *_text("title version code", _R),
                *_int("price", _R),
            ),
            key=("id",),
            aliases=("order_items",),
            access=_C,
        ),
    ),
    writable=True,
    creatable=True,
    update_path="/api2/orders",
    born_with=(("customer_notification", 0), ("password_option", 0), ("generate_codes", False)),
    business_key=("order_number",),
    after=("customers", "products"),
)

_PERSON = "first_name last_name company address1 address2 zip city"

CUSTOMERS = Resource(
    name="customers",
    path="/api/customers",
    path2="/api2/customers",
    plural="customers",
    singular="customer",
    scope="customers",
    key="token",
    stamp="updated_at",
    filters=("updated_at_min", "created_at_min"),
    fields=(
        *_int("id", _R),
        *_text("token", _R),
        *_text("email"),
        *_text(_PERSON),
        *_text("name", _R),
        *_text("phone language country country_name country_code province province_code"),
        *_flag("default", _R),
        *_int("title"),
        *_text("comment"),
        *_time("created_at updated_at", _R),
        *_int("orders_count total_spent", _R),
        *_text("note tags"),
        Field("group_member_of", Kind.JSON, _R),
    ),
    children=(
        Child(
            "addresses",
            "customer_addresses",
            (
                *_int("id", _R),
                *_text("token", _R),
                *_text(_PERSON),
                *_text("name", _R),
                *_text("phone language country country_name country_code province province_code"),
                *_flag("default"),
            ),
            key=("token",),
            endpoint="/api/customers/{key}/addresses",
            access=_W,
            switches=("default",),
        ),
    ),
    writable=True,
    creatable=True,
    deletable=True,
    business_key=("email",),
)

CATEGORIES = Resource(
    name="categories",
    path="/api/categories",
    plural="categories",
    singular="category",
    scope="products",
    stamp="updated_at",
    fields=(
        *_int("id", _R),
        *_text("title comment"),
        *_flag("enabled"),
        *_int("parent_id position"),
        *_time("created_at updated_at", _R),
    ),
    children=(
        Child(
            "locales",
            "category_locales",
            (
                *_int("id", _R),
                *_text("language_id title description src seo_title seo_description seo_keywords"),
            ),
            key=("language_id",),
            access=_W,
        ),
    ),
    writable=True,
    creatable=True,
    deletable=True,
    business_key=("title", "parent_id"),
)

THEME_SETTINGS = Resource(
    name="theme_settings",
    path="/api/themesettings",
    path2="/api2/theme_settings",
    plural="theme_settings",
    singular="theme_setting",
    singular2="entry",
    scope="themes",
    stamp="updated_at",
    fields=(
        *_int("id company_id", _R),
        *_text("name domain"),
        *_flag("enabled"),
        *_text("shop_icon", _R),
        *_text("homepage_url shop_domain sub_domain vanity_domain access_domain"),
        *_int("theme_id sample_product_id sample_product_license_id affiliate_percentage"),
        *_flag("affiliates_enabled allow_anonymous_reviews allow_reviews shop_offline newsletter_enabled"),
        *_text("facebook_url twitter_url youtube_url meta_tag html_tag google_tracking_id"),
        *_flag("google_ecommerce_enabled"),
        *_time("updated_at", _R),
        *_inside(
            "theme",
            "theme",
            (
                *_int("company_id assignment parent_theme_id"),
                *_text("name"),
                *_time("created_at"),
                *_flag("valid read_only"),
            ),
        ),
    ),
    children=(
        Child(
            "locales",
            "theme_setting_locales",
            (
                *_int("id", _R),
                *_int("language_id"),
                *_text("shop_name shop_description offline_message seo_title seo_description seo_keywords"),
            ),
            key=("language_id",),
            access=_W,
        ),
    ),
    writable=True,
)

FULFILLMENTS = Resource(
    name="fulfillments",
    path="/api/fulfillments",
    plural="fulfillments",
    singular="fulfillment",
    scope="orders",
    filters=("created_at_min",),
    fields=(
        *_int("id", _R),
        *_time("created_at", _R),
        *_int("company_id shipping_status", _R),
        *_text("shipping_model tracking_number", _R),
        *_inside(
            "customer",
            "customer",
            (
                *_int("id"),
                *_text(f"token name {_PERSON} country_name country_code province province_code"),
            ),
        ),
    ),
    children=(
        Child(
            "line_items",
            "fulfillment_line_items",
            (
                *_int("id", _R),
                *_text("product_id title version gtin", _R),
                Field("quantity", Kind.INT, _R, aliases=("Quantity",)),
                *_decimal("weight", _R),
            ),
            key=("id",),
        ),
    ),
)

LICENSES = Resource(
    name="licenses",
    path="/api/licenses",
    path2="/api2/licenses_ex",
    plural="licenses",
    singular="license",
    singular2="entry",
    scope="products",
    counted=False,
    fields=(
        *_int("id", _R),
        *_text("name", _R),
        *_flag("valid", _R),
        *_time("created_at", _R),
        *_int("created_by_user_id company_id assignment tax_handling allow_play burn_play drm", _R),
        *_flag("delete_on_clock_rollback disable_on_clock_rollback", _R),
        *_int("expire_after_first_use expire_after_first_use_mode", _R),
        *_int("expire_after_acquisition expire_after_acquisition_mode", _R),
        *_time("expiration_date", _R),
        *_int("total_downloads annual_downloads maximum_downloads", _R),
        *_int("total_concurrent_devices annual_concurrent_devices total_export annual_export", _R),
        *_flag("physical", _R),
        *_decimal("physical_weight", _R),
        *_int("physical_weight_type type", _R),
        *_flag("export_mp3 export_epub export_pdf_print export_package", _R),
    ),
    children=(
        Child(
            "locales",
            "license_locales",
            (*_int("id language_id", _R), *_text("name description", _R)),
            key=("language_id",),
        ),
    ),
)

PRICES = Resource(
    name="prices",
    path="/api/prices",
    path2="",
    plural="prices",
    singular="price",
    scope="products",
    stamp="modified_at",
    fields=(
        *_int("id", _R),
        *_text("title", _R),
        *_flag("valid", _R),
        *_time("created_at modified_at", _R),
    ),
    children=(
        Child(
            "currencies",
            "price_currencies",
            (*_text("currency", _R), *_int("price", _R)),
            key=("currency",),
        ),
        Child(
            "countries",
            "price_countries",
            (*_text("country_code country_name", _R), *_int("price", _R)),
            key=("country_code",),
        ),
    ),
)

COMPANIES = Resource(
    name="companies",
    path="/api/companies",
    plural="companies",
    singular="company",
    scope="companies",
    counted=False,
    list_query=(("self", "1"),),
    fields=(
        *_int("id account_level affiliate_mode commission_model", _R),
        *_flag("accounting_export_active affiliates_active api_active company_disabled only_sso_login", _R),
        *_text("name company_additional_name email city zip address1 address2 country country_code", _R),
        *_text("phone comment", _R),
        *_time("created_at updated_at", _R),
    ),
)

CURRENCY_RATES = Resource(
    name="currency_rates",
    path="/api/currency_rates",
    plural="currency_rates",
    singular="currency_rate",
    scope="",
    key="currency",
    counted=False,
    detailed=False,
    fields=(*_text("currency", _R), *_time("date", _R), *_decimal("rate_to_eur", _R)),
)

#: In the order in which a shop is first filled: small and referred-to things before the long lists.
RESOURCES: tuple[Resource, ...] = (
    COMPANIES,
    CURRENCY_RATES,
    LICENSES,
    PRICES,
    CATEGORIES,
    THEME_SETTINGS,
    PRODUCTS,
    CUSTOMERS,
    ORDERS,
    FULFILLMENTS,
)

BY_NAME: dict[str, Resource] = {resource.name: resource for resource in RESOURCES}

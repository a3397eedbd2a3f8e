"""The resources of the simulated shop, by the sections of the API reference (4.1 to 4.12, and 5)."""

from syncd.simulator.ground import words
from syncd.simulator.sheets import sheet

EVERY = "list count one create update delete"
PERSON = """
    text: first_name last_name name! company address1 address2 zip city phone language
    text: country country_name country_code province province_code"""
TRANSLATED = "title description src seo_title seo_description seo_keywords"

PRODUCTS = sheet(
    "products products product products",
    EVERY,
    f"""
    int: id! product_type+ short_movie runtime attribute_set_id~ owner_company_id! supplier items_in_stock
    text: product_id! title comment version gtin generic_custom_url age_rating?
    time: created_at! updated_at! published_at release_date access_group_date_fixed
    flag: valid pre_sales drm_protected manage_stock hide_on_shop_catalog template generate_individual_codes
    flag: single_shop_item linear_dvd mirrored!
    flag1: allow_download_trial
    decimal: weight
    int: scorm_certificate_id scorm_expiration access_group_date_relative generic_downloads
    int: generic_availability_days
    [locales - language_id]
    int: id!
    text: language_id {TRANSLATED} version product_url email_text subtitle?
    [categories - category_id]
    int: category_id id!
    time: created_at!
    [price_license_binding - license_id price_id hd audio_type num_users]
    int: license_id price_id compare_price_id~ audio_type num_users
    flag: hd
    [images - src]
    int: id! position
    text: src
    [chapters - position]
    int: id! position start_time
    text: title
    [content_files !]
    int: id! content_type!
    flag1: valid!
    text: download_url!
    [themes ? theme_id]
    int: theme_id
    [groups ? group_id]
    text: group_id
    """,
    stamp="updated_at",
    path2="products",
    singular2="product",
    required="title",
)

ORDERS = sheet(
    "orders orders order orders",
    "list count one create update",
    """
    int: id! theme_setting_id+ total_price!
    text: order_number+ email+ notes status currency! sales_channel?
    flag: confirmed is_subscription!
    time: created_at! updated_at!
    decimal: exchange!
    [customer 1!]
    int: id!
    text: token! email! first_name! last_name! company!
    [line_items +]
    int: id! license_id quantity audio_type num_users price!
    text: product_id title! version! code!
    flag: hd
    decimal: tax_rate?
    [billing_address 1?]
    text: name address1 zip city country_code
    [payment 1?]
    text: method reference
    """,
    stamp="updated_at",
    path2="orders",
    singular2="order",
    required="line_items",
)

CUSTOMERS = sheet(
    "customers customers customer customers",
    EVERY,
    f"""
    int: id! title orders_count! total_spent! loyalty_points?
    text: token! email comment note tags player_refresh_token?{PERSON}
    flag: default!
    time: created_at! updated_at! player_token_expires?
    json: group_member_of!
    [addresses - token]
    int: id!
    text: token!{PERSON}
    flag: default
    """,
    key="token",
    stamp="updated_at",
    path2="customers",
    singular2="customer",
    required="email",
)

CATEGORIES = sheet(
    "categories categories category products",
    EVERY,
    f"""
    int: id! parent_id~ position
    text: title comment colour?
    flag: enabled
    time: created_at! updated_at!
    [locales - language_id]
    int: id!
    text: language_id {TRANSLATED}
    """,
    stamp="updated_at",
    required="title",
)

THEME_SETTINGS = sheet(
    "theme_settings themesettings theme_setting themes",
    EVERY,
    """
    int: id! company_id! theme_id sample_product_id sample_product_license_id affiliate_percentage
    text: name domain shop_icon! homepage_url shop_domain sub_domain vanity_domain access_domain
    flag: enabled affiliates_enabled allow_anonymous_reviews allow_reviews shop_offline newsletter_enabled
    text: facebook_url twitter_url youtube_url meta_tag html_tag google_tracking_id cookie_banner?
    flag: google_ecommerce_enabled
    time: updated_at!
    [theme 1!]
    int: id! company_id! assignment! parent_theme_id!
    text: name! mobified_by! preview_file!
    time: created_at! mobified_at!
    flag1: valid! read_only!
    flag: allow_edit_design! used_shared_components! liquid_theme! is_modified! responsive_theme!
    [locales - language_id]
    int: id! language_id
    text: shop_name shop_description offline_message seo_title seo_description seo_keywords
    """,
    stamp="updated_at",
    path2="theme_settings",
    singular2="entry",
)

FULFILLMENTS = sheet(
    "fulfillments fulfillments fulfillment orders",
    "list count one update",
    """
    int: id! company_id! shipping_status
    text: shipping_model! tracking_number
    time: created_at!
    [customer 1!]
    int: id!
    text: token first_name last_name name company address1 address2 zip city country_name country_code
    text: province_code province
    flag: default
    [line_items !]
    int: id! Quantity!
    text: product_id! title! version! gtin!
    decimal: weight!
    """,
)

LICENSES = sheet(
    "licenses licenses license products",
    "list one",
    """
    int: id! created_by_user_id! company_id! assignment! tax_handling! allow_play! burn_play! drm! type!
    int: expire_after_first_use! expire_after_first_use_mode! expire_after_acquisition!
    int: expire_after_acquisition_mode! total_downloads! annual_downloads! maximum_downloads!
    int: total_concurrent_devices! annual_concurrent_devices! total_export! annual_export!
    int: physical_weight_type! copp_hdcp? copp_cgms? copy_prot_level_analog?
    text: name!
    time: created_at! expiration_date!
    flag1: valid! delete_on_clock_rollback! disable_on_clock_rollback! physical!
    flag1: export_mp3! export_epub! export_pdf_print! export_package!
    decimal: physical_weight!
    [locales ! language_id]
    int: id! language_id!
    text: name! description!
    """,
    path2="licenses_ex",
    singular2="entry",
)

PRICES = sheet(
    "prices prices price products",
    "list count one",
    """
    int: id!
    text: title!
    flag1: valid!
    time: created_at! modified_at!
    [currencies ! currency]
    text: currency!
    int: price!
    [countries ! country_code]
    text: country_name! country_code!
    int: price!
    """,
    stamp="modified_at",
)

COMPANIES = sheet(
    "companies companies company companies",
    "list count one update",
    """
    int: id! account_level! affiliate_mode! commission_model!
    flag: accounting_export_active! affiliates_active! api_active! company_disabled! only_sso_login!
    text: name company_additional_name email city zip address1 address2 country country_code phone comment!
    time: created_at! updated_at!
    text: external_access_token?
    """,
    stamp="updated_at",
)

CURRENCY_RATES = sheet(
    "currency_rates currency_rates currency_rate -",
    "list",
    "time: date!\ndecimal: rate_to_eur!\ntext: currency!",
    key="currency",
)

WEBHOOKS = sheet(
    "webhooks webhooks webhook webhooks",
    "list create delete",
    "int: id!\ntext: scope destination\nflag: is_valid",
    required="destination",
)

_SMALL = (COMPANIES, CURRENCY_RATES, LICENSES, PRICES, CATEGORIES, THEME_SETTINGS, WEBHOOKS)
SHEETS = {each.name: each for each in (*_SMALL, PRODUCTS, CUSTOMERS, ORDERS, FULFILLMENTS)}

SCOPES = words("products|customers|orders|themes|files|companies|statistics|webhooks|player|users")
